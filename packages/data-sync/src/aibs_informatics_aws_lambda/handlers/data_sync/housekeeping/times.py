"""Modification times in responses."""

import datetime as dt

_MIN = dt.datetime.min.replace(tzinfo=dt.UTC)
_MAX = dt.datetime.max.replace(tzinfo=dt.UTC)


def to_datetime(seconds: float) -> dt.datetime:
    """Return a time given in seconds since 1970 UTC.

    File systems have times beyond those of Python: they become the first or last time of the years
    1 to 9999.
    """
    if seconds <= _MIN.timestamp():
        return _MIN
    return _MAX if seconds >= _MAX.timestamp() else dt.datetime.fromtimestamp(seconds, dt.UTC)
