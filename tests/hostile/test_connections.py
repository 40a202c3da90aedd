"""Clients that are slow, silent or endless are let go; everybody else is served meanwhile."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from driftline_collector.connections import MAX_UNREAD_BYTES, Connection, Patience, Watch
from driftline_collector.server import Receive, Scope, Send, Server, address, listen

PATIENCE = Patience(head=1, body=1, slowest=1000, idle=1, reading=1, connections=16)
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the length of the body; to `/large` more than any socket holds, to `/early` at once."""
    size = 0
    more = scope["path"] != "/early"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    body = bytes(64 * 2**20) if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(patience: Patience) -> Iterator[str]:
    listener = listen("127.0.0.1", 0)
    server = Server(echo, listener, patience=patience)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield address(listener)
    finally:
        server.stop()
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(PATIENCE) as running:
        yield running


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def everything(client: socket.socket) -> bytes:
    """What the server says until it closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def talked_to(url: str, *opening: bytes, drip: bytes = b"", every: float = 0.2) -> bytes:
    """What is answered to a client that says `opening`, then `drip` again and again until it is cut off."""
    with connect(url) as client:
        stop = threading.Event()

        def talk() -> None:
            with contextlib.suppress(OSError):
                for part in opening:
                    client.sendall(part)
                while drip and not stop.wait(every):
                    client.sendall(drip)

        talking = threading.Thread(target=talk)
        talking.start()
        answer = everything(client)
        stop.set()
        client.close()
        talking.join()
        return answer


#: What a client says at first, what it goes on saying, and the status of the answer before it is cut off.
SLOW: dict[str, tuple[bytes, bytes, bytes]] = {
    "silence": (b"", b"", b""),
    "half a line": (b"POST / HT", b"", b"408"),
    "a header by bytes": (POST, b"x", b"408"),
    "headers": (POST, b"a: b\r\n", b"408"),
    "a body": (POST + b"content-length: 1000\r\n\r\nabc", b"", b"408"),
    "a body by bytes": (POST + b"content-length: 100000\r\n\r\n", b"abc", b"408"),
    "chunks": (POST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"408"),
    "idle": (POST + b"content-length: 3\r\n\r\nabc", b"", b"200"),
    "on after the answer": (
        b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n",
        bytes(5000),
        b"200",
    ),
}


def test_who_does_not_go_on_or_never_ends_is_cut_off(url: str) -> None:
    with ThreadPoolExecutor(len(SLOW)) as pool:
        talks = {
            name: pool.submit(talked_to, url, opening, drip=drip) for name, (opening, drip, _) in SLOW.items()
        }
    said = {name: talk.result() for name, talk in talks.items()}
    assert {name: text[9:12] for name, text in said.items()} == {
        name: answer for name, (_, _, answer) in SLOW.items()
    }
    assert all(text.count(b"HTTP/1.1") <= 1 for text in said.values())


def test_who_does_not_read_the_answer_is_cut_off(url: str) -> None:
    with connect(url) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        time.sleep(4)  # for as long as nothing is read; there is no event to wait for on this side
        assert len(everything(client)) < 64 * 2**20


@pytest.mark.parametrize(
    "endless",
    [
        (POST, *[b"a: b\r\n"] * 20_000),
        (POST, b"a: ", *[bytes([97]) * 60_000] * 3),
        (b"GET /", *[b"a" * 60_000] * 3),
        # More than is ever read at once: what comes with the headers is not told from them.
        (POST + b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"a: b\r\n" * 1000] * 200),
        (POST + b"transfer-encoding: chunked\r\n\r\n1;", *[b"a" * 60_000] * 20),
    ],
    ids=["headers", "a header", "a path", "trailers", "a chunk extension"],
)
def test_a_head_without_end_is_refused(endless: tuple[bytes, ...]) -> None:
    with serving(Patience()) as url:  # patient, so that a busy machine does not run out of time before
        assert talked_to(url, *endless)[9:12] == b"431"


def test_a_slow_body_that_keeps_its_pace_is_taken(url: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(1000)
            time.sleep(0.4)

    assert httpx.post(url, content=pieces(), timeout=20).text == "8000"


def test_many_idle_connections_keep_nobody_out() -> None:
    with serving(Patience(connections=16)) as url, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(url)) for _ in range(200)]
        assert httpx.post(url, content=b"abc", timeout=20).text == "3"
        first, *_, last = idle
        assert everything(first) == b""  # the oldest had to go
        last.sendall(POST + b"content-length: 2\r\n\r\nab")
        assert last.recv(12) == b"HTTP/1.1 200"


def test_busy_connections_are_kept_when_there_are_too_many() -> None:
    with serving(Patience(connections=16)) as url, contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connect(url)) for _ in range(16)]
        for client in busy:
            client.sendall(POST + b"content-length: 2\r\n\r\na")
        _wait(lambda: refused(url))
        for client in busy:
            client.sendall(b"b")
            assert client.recv(12) == b"HTTP/1.1 200"


def refused(url: str) -> bool:
    """Whether a new connection is turned away."""
    try:
        httpx.post(url, content=b"abc", timeout=20)
    except httpx.TransportError:
        return True
    return False


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_many_send_at_once_waits_with_them_until_it_can_be_looked_at() -> None:
    size, clients = 60_000, 400
    released = threading.Event()

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await asyncio.to_thread(released.wait)
        await echo(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    server = Server(busy, listener, patience=Patience(connections=500))
    thread = threading.Thread(target=server.run)
    thread.start()
    state, watch = server._server.server_state, server._server._watch
    with contextlib.ExitStack() as stack:
        stack.callback(listener.close)
        stack.callback(thread.join)
        stack.callback(server.stop)
        stack.callback(released.set)
        reader = stack.enter_context(httpx.Client(base_url=address(listener), trust_env=False, timeout=20))
        assert reader.get("/").text == "0"
        sockets = [stack.enter_context(connect(address(listener))) for _ in range(clients)]
        for client in sockets:
            client.sendall(
                POST + f"connection: close\r\ncontent-length: {size}\r\n\r\n".encode() + bytes(size)
            )
        deadline = time.monotonic() + 20
        while not watch.is_full:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        # All else stays with the system and with those who sent it, but for what comes in one look at all.
        unread = sum(c.unread for c in tuple(state.connections) if isinstance(c, Connection))
        assert MAX_UNREAD_BYTES // 2 < unread < 2 * MAX_UNREAD_BYTES < size * clients
        # Who has asked before, and sent nothing, is answered meanwhile.
        assert reader.get("/").text == "0"
        assert watch.is_full
        released.set()
        for client in sockets:
            assert everything(client).endswith(str(size).encode())
    assert not watch.is_full


def test_where_there_is_no_memory_for_a_body_its_sender_is_to_come_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Watch, "read", exhausted)
        answer = talked_to(url, POST + b"content-length: 5\r\n\r\nhello")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer
    assert talked_to(url, POST + b"content-length: nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert httpx.post(url, content=b"hello").text == "5"
