"""Retries of requests to registries."""

import random
from types import TracebackType
from typing import Any, Self

import urllib3
from urllib3.exceptions import InvalidHeader, MaxRetryError, ResponseError

from .throttle import MAX_WAIT_SECONDS

THROTTLED = 429
"""The HTTP status of a request above the rate limit of the registry."""

TRANSIENT_STATUSES = frozenset({408, THROTTLED, 500, 502, 503, 504})
"""The HTTP statuses of a request that may succeed when it is repeated."""

_ATTEMPTS = 5
_REDIRECTS = 5
_LONGEST_WAIT_SECONDS = 20.0


class _Retry(urllib3.Retry):
    """Retries with full jitter that honor ``Retry-After``, but not if it is above a minute."""

    # Without 429, which `Throttle` waits for.
    RETRY_AFTER_STATUS_CODES = frozenset({413, 503})

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
            if seconds > MAX_WAIT_SECONDS:
                # urllib3 returns the response then, since raise_on_status is false.
                raise MaxRetryError(_pool, url or "", ResponseError("Retry-After is too long"))
        return super().increment(method, url, response, error, _pool, _stacktrace)


def make_retries(statuses: frozenset[int] = TRANSIENT_STATUSES) -> urllib3.Retry:
    """Return the retries of a request that can be repeated.

    Args:
        statuses: the statuses of a response to retry after.
    """
    return _Retry(
        total=_ATTEMPTS,
        connect=2,
        redirect=_REDIRECTS,
        backoff_factor=0.2,
        status_forcelist=statuses,
        allowed_methods=None,
        raise_on_status=False,
    )


def make_redirects() -> urllib3.Retry:
    """Return the redirects of a request that is sent once."""
    return urllib3.Retry(total=None, connect=0, read=0, status=0, redirect=_REDIRECTS)


def retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    """Return the ``Retry-After`` of a response in seconds; `None` without a valid one."""
    try:
        return urllib3.Retry().get_retry_after(response)
    except InvalidHeader:
        return None
