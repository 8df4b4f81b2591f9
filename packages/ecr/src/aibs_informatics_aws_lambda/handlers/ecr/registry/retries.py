"""Retries of requests to registries."""

import random
from types import TracebackType
from typing import Any, Self

import urllib3
from urllib3.exceptions import MaxRetryError, ResponseError

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""The HTTP statuses of a request that may succeed when it is repeated."""

_ATTEMPTS = 5
_REDIRECTS = 5
# Registries with a rate limit per hour ask to wait for hours: an error is more useful then.
_MAX_RETRY_AFTER_SECONDS = 30
_LONGEST_WAIT_SECONDS = 20.0


class _Retry(urllib3.Retry):
    """Retries with full jitter that honor ``Retry-After``, but not if it is above 30 seconds."""

    def get_backoff_time(self) -> float:
        """Return the seconds to wait before the next attempt: exponential, with full jitter."""
        failures = sum(attempt.redirect_location is None for attempt in self.history)
        longest = min(_LONGEST_WAIT_SECONDS, self.backoff_factor * 2.0**failures)
        return random.uniform(0.0, longest)  # noqa: S311

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Return the state for the next attempt; raise if it would have to wait too long."""
        if response is not None and response.status in TRANSIENT_STATUSES:
            seconds = self.get_retry_after(response) or 0
            if seconds > _MAX_RETRY_AFTER_SECONDS:
                # urllib3 returns the response then, since raise_on_status is false.
                raise MaxRetryError(_pool, url or "", ResponseError("Retry-After is too long"))
        return super().increment(method, url, response, error, _pool, _stacktrace)


def make_retries() -> urllib3.Retry:
    """Return the retries of a request that can be repeated."""
    return _Retry(
        total=_ATTEMPTS,
        connect=2,
        redirect=_REDIRECTS,
        backoff_factor=0.2,
        status_forcelist=TRANSIENT_STATUSES,
        allowed_methods=None,
        raise_on_status=False,
    )


def make_redirects() -> urllib3.Retry:
    """Return the redirects of a request that is sent once."""
    return urllib3.Retry(total=None, connect=0, read=0, status=0, redirect=_REDIRECTS)
