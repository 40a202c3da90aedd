"""Answers that get lost on the way back: clients send again, and everything is there once."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.senders import Load, check, one_of_each
from tests.receiver.serving import serving


class Swallower:
    """Stands before a server, and cuts connections instead of handing on some of its answers."""

    def __init__(self, url: str, share: float, seed: int) -> None:
        place = urlsplit(url)
        self._target = (place.hostname, place.port)
        self._share = share
        self._chance = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.swallowed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            sending = threading.Thread(target=self._forward, args=(client, server), daemon=True)
            sending.start()
            with suppress(OSError):
                while answer := server.recv(65536):
                    if self._chance.random() < self._share:
                        self.swallowed += 1
                        break
                    client.sendall(answer)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            sending.join()

    @staticmethod
    def _forward(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)


@contextmanager
def swallowing(url: str, share: float, seed: int) -> Iterator[Swallower]:
    made = Swallower(url, share, seed)
    try:
        yield made
    finally:
        made.close()


def test_what_is_sent_again_as_its_answer_was_lost_is_there_once(tmp_path: Path) -> None:
    """Also over a restart: what was stored before comes again after it."""
    senders = one_of_each(size=10)
    for sender in senders:
        sender.patient = True
    for seed in (1, 2):
        with serving(tmp_path) as served, swallowing(served.url, 0.4, seed) as between:
            with Load(senders, between.url):
                for sender in senders:
                    assert sender.wait_for(3)
            assert between.swallowed > 0
    check(senders, tmp_path / "served.duckdb")
