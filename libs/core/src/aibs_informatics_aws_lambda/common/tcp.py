"""The bytes that a TCP connection has transferred, as the kernel counts them."""

import socket
import struct
from typing import NamedTuple

# Linux has the fields tcpi_bytes_acked and tcpi_bytes_received of `struct tcp_info` since 4.1.
_COUNTERS = struct.Struct("QQ")
_OFFSET = 120


class Traffic(NamedTuple):
    """Numbers of bytes.

    Args:
        received: those that have arrived.
        sent: those whose arrival at the peer is acknowledged.
    """

    received: int
    sent: int


def read_traffic(connection: socket.socket) -> Traffic | None:
    """Return the bytes of a connection; `None` if it is closed or the system does not count."""
    size = _OFFSET + _COUNTERS.size
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, size)
    except (AttributeError, OSError):
        # Other systems have no TCP_INFO.
        return None
    if len(info) < size:
        return None
    sent, received = _COUNTERS.unpack_from(info, _OFFSET)
    return Traffic(received, sent)
