"""TLS handshakes that fail for good: the client library repeats them for half a minute."""

from collections.abc import Callable
from threading import Timer
from typing import Final, TypeAlias

# After so many seconds without a response from a host, its TLS handshake is looked at.
_HANDSHAKE_SECONDS: Final = 2.0


OnFailure: TypeAlias = Callable[[str, Exception], None]
"""Called with a host and the error of its handshake, in a separate thread."""


class Handshakes:
    """The TLS handshakes with the hosts of a client."""

    def __init__(self) -> None:
        self._watched: set[str] = set()
        self._timers: dict[str, Timer] = {}
        self._failures: dict[str, Exception] = {}

    def find_failure(self, host: str) -> Exception | None:
        """Return the error of the handshake with a host, if it has failed."""
        return self._failures.get(host)

    def watch(self, host: str, on_failure: OnFailure) -> None:
        """Look for the reason if there is no first response from a host within seconds.

        Args:
            host: the host, with its port if that is not 443.
            on_failure: called if the handshake fails.
        """
        if host in self._watched:
            return
        self._watched.add(host)
        timer = Timer(_HANDSHAKE_SECONDS, self._check, [host, on_failure])
        timer.daemon = True
        self._timers[host] = timer
        timer.start()

    def note_response(self, host: str) -> None:
        """Note that a host has responded, so its handshake has not failed."""
        timer = self._timers.pop(host, None)
        if timer:
            timer.cancel()

    def _check(self, host: str, on_failure: OnFailure) -> None:
        from .tls import failed_handshake, find_ca_bundle

        if self._timers.pop(host, None):
            error = failed_handshake(host, find_ca_bundle())
            if error is not None:
                self._failures[host] = error
                on_failure(host, error)
