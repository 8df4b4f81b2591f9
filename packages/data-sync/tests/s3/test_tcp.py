from __future__ import annotations

import socket
from contextlib import closing

import pytest
from aibs_informatics_aws_lambda.handlers.data_sync.s3 import tcp
from aibs_informatics_aws_lambda.handlers.data_sync.s3.tcp import Traffic, TrafficMeter


class Connection:
    """Both ends of a connection, in this process."""

    def __init__(self, family: socket.AddressFamily) -> None:
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        with closing(socket.socket(family)) as server:
            server.bind((host, 0))
            server.listen()
            self.near = socket.create_connection(server.getsockname()[:2])
            self.far, _ = server.accept()

    def send(self, size: int) -> None:
        self.near.sendall(bytes(size))
        while size:
            size -= len(self.far.recv(size))

    def close(self) -> None:
        self.near.close()
        self.far.close()


def read(meter: TrafficMeter) -> Traffic:
    found = meter.read()
    assert found is not None
    return found


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_bytes_of_connections_are_counted_in_both_directions(family):
    meter = TrafficMeter()
    with closing(Connection(family)) as connection:
        before = read(meter)
        connection.send(100_000)
        after = read(meter)
    assert after.received - before.received >= 100_000
    assert after.sent - before.sent >= 100_000


def test_bytes_of_closed_connections_still_count():
    meter = TrafficMeter()
    with closing(Connection(socket.AF_INET)) as connection:
        connection.send(1000)
        before = read(meter)
    after = read(meter)
    assert after.received >= before.received
    with closing(Connection(socket.AF_INET)) as connection:
        connection.send(500)
        assert read(meter).received - after.received >= 500


def test_other_sockets_and_files_are_left_out(tmp_path):
    meter = TrafficMeter()
    read(meter)
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
        closing(socket.socket(socket.AF_UNIX)),
        (tmp_path / "a").open("w"),
    ):
        assert meter.read() is not None


def test_system_that_does_not_list_descriptors_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(tcp, "_DESCRIPTORS", str(tmp_path / "none"))
    assert TrafficMeter().read() is None


def test_sockets_are_left_alone_where_a_default_timeout_would_change_them(monkeypatch):
    monkeypatch.setattr(socket, "getdefaulttimeout", lambda: 10.0)
    assert TrafficMeter().read() is None
