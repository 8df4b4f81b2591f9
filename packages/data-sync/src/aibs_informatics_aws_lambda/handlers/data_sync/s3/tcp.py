"""TCP: the bytes that the connections of this process have transferred.

The library for S3 tells only of whole parts, of 8 MiB each. The kernel counts bytes.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing

from aibs_informatics_aws_lambda.common.tcp import Traffic, read_traffic

_DESCRIPTORS = "/proc/self/fd"


class TrafficMeter:
    """Adds up the bytes of all TCP connections, also of those that have been closed."""

    def __init__(self) -> None:
        self._connections: dict[str, Traffic] = {}
        self._sum = Traffic(0, 0)

    def read(self) -> Traffic | None:
        """Return the bytes since the first call; `None` where the system does not count them.

        What a connection transfers between the last call and its end is not counted.
        """
        if socket.getdefaulttimeout() is not None:
            # A descriptor of a socket would take it over, for all that share the socket.
            return None
        try:
            found = dict(_read_connections())
        except OSError:
            return None
        # A socket has its number as long as it is open.
        for number, now in found.items():
            before = self._connections.get(number, Traffic(0, 0))
            if now.received < before.received or now.sent < before.sent:
                before = Traffic(0, 0)
            self._sum = Traffic(
                self._sum.received + now.received - before.received,
                self._sum.sent + now.sent - before.sent,
            )
        self._connections = found
        return self._sum


def _read_connections() -> Iterator[tuple[str, Traffic]]:
    """Yield the numbers of the open sockets of TCP, with their bytes.

    Raises:
        OSError: the system does not list the descriptors of a process.
    """
    for descriptor in os.listdir(_DESCRIPTORS):  # noqa: PTH208
        try:
            number = os.readlink(f"{_DESCRIPTORS}/{descriptor}")  # noqa: PTH115
            traffic = _read(int(descriptor)) if number.startswith("socket:") else None
        except OSError:
            # It was closed meanwhile, or is a socket of another kind.
            continue
        if traffic is not None:
            yield number, traffic


def _read(descriptor: int) -> Traffic | None:
    # A separate descriptor, since the other one may be closed at any time.
    copy = os.dup(descriptor)
    try:
        connection = socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise
    with closing(connection):
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        return read_traffic(connection)
