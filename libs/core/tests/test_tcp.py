"""The bytes of a TCP connection."""

from __future__ import annotations

import socket

from aibs_informatics_aws_lambda.common.tcp import Traffic, read_traffic


def test_bytes_of_a_connection_are_counted_until_it_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as client:
            peer, _ = server.accept()
            with peer:
                client.sendall(b"12345")
                assert peer.recv(5, socket.MSG_WAITALL) == b"12345"
                assert read_traffic(peer) == Traffic(received=5, sent=0)
        assert read_traffic(client) is None
