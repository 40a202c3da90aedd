"""The relay passes bytes both ways, breaks everything when it is cut, and works again once mended."""

import socket
import threading
from collections.abc import Iterator

import pytest

from examples.digits_fleet.uplink import Uplink


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while chunk := connection.recv(1024):
                    connection.sendall(chunk)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_lost_uplink_refuses_and_a_mended_one_carries_again(echo: tuple[str, int]) -> None:
    uplink = Uplink(echo)
    with socket.create_connection(("127.0.0.1", uplink.port), timeout=10) as before:
        before.sendall(b"one")
        assert before.recv(16) == b"one"
        uplink.cut()
        assert before.recv(16) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", uplink.port), timeout=10)
    uplink.mend()
    with socket.create_connection(("127.0.0.1", uplink.port), timeout=10) as after:
        after.sendall(b"two")
        assert after.recv(16) == b"two"
    uplink.cut()
