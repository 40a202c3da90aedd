"""Bodies are read and unpacked within limits, whoever sends them."""

import asyncio
import gzip
import tracemalloc
from collections.abc import MutableMapping
from typing import Any

import pytest
from driftline_collector.receiver.answers import BadDataError, TooLargeError, UnavailableError
from driftline_collector.receiver.bodies import Bodies, DisconnectedError, Receive, gunzip


def receiving(*messages: dict[str, Any]) -> Receive:
    """What a server gives of a body; after that it waits, as for a client that says no more."""
    left = list(messages)

    async def receive() -> MutableMapping[str, Any]:
        return left.pop(0) if left else await asyncio.get_running_loop().create_future()

    return receive


def chunk(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def read(bodies: Bodies, *messages: dict[str, Any], length: int | None = None, packed: bool = False) -> bytes:
    receive = receiving(*messages)
    return asyncio.run(bodies.read(length, receive, admit=lambda _size: None, packed=packed))


def test_a_body_is_put_together_from_its_chunks() -> None:
    bodies = Bodies(max_bytes=6, max_held=10)
    assert (
        read(bodies, chunk(b"abc", more=True), chunk(b"", more=True), chunk(b"def", more=False)) == b"abcdef"
    )


def test_a_body_above_the_limit_is_refused_by_its_length_or_when_it_is_seen() -> None:
    bodies = Bodies(max_bytes=5, max_held=10)
    with pytest.raises(TooLargeError):
        read(bodies, length=6)
    with pytest.raises(TooLargeError):
        read(bodies, chunk(b"abc", more=True), chunk(b"def", more=True))


def test_a_client_that_hangs_up_gets_no_answer() -> None:
    with pytest.raises(DisconnectedError):
        read(Bodies(max_bytes=5, max_held=5), chunk(b"a", more=True), {"type": "http.disconnect"})


def test_unfinished_bodies_are_held_up_to_a_sum_and_their_room_is_given_back() -> None:
    async def run() -> None:
        bodies = Bodies(max_bytes=10, max_held=15)

        def begin(size: int) -> "asyncio.Task[bytes]":
            receive = receiving(chunk(bytes(size), more=True))
            return asyncio.ensure_future(bodies.read(None, receive, admit=lambda _size: None, packed=False))

        first = begin(10)
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError, match="10 bytes of unfinished requests are held"):
            await begin(6)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = begin(6)
        await asyncio.sleep(0)
        assert not second.done()
        second.cancel()

    asyncio.run(run())


def test_several_gzip_members_are_one_body() -> None:
    assert gunzip(gzip.compress(b"abc") + gzip.compress(b"") + gzip.compress(b"def"), 6) == b"abcdef"


def test_a_body_larger_than_a_window_is_unpacked() -> None:
    body = bytes(range(256)) * 1000
    assert gunzip(gzip.compress(body, 0) * 2, len(body) * 2) == body * 2


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            gunzip(bomb, 2**20)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [6, 2**20])
def test_exactly_the_limit_is_taken(size: int) -> None:
    assert len(gunzip(gzip.compress(bytes(size)), size)) == size
    with pytest.raises(TooLargeError):
        gunzip(gzip.compress(bytes(size + 1)), size)


def test_a_body_of_very_many_members_is_refused() -> None:
    """Each costs a start: 3 million of them fit into 64 MiB."""
    with pytest.raises(BadDataError, match="more than 10000 members"):
        gunzip(gzip.compress(b"") * 10_001, 10)


@pytest.mark.parametrize(
    "torn",
    [
        b"plain text",
        gzip.compress(b"abc")[:-1],
        gzip.compress(b"abc")[:-8] + bytes(8),
        gzip.compress(b"abc") + b"x",
    ],
    ids=["not gzip", "cut short", "wrong checksum", "rubbish at the end"],
)
def test_what_is_not_whole_is_refused(torn: bytes) -> None:
    with pytest.raises(BadDataError):
        gunzip(torn, 100)


@pytest.mark.parametrize("size", [100, 2**20])
def test_a_packed_body_is_unpacked_here_or_in_a_thread(size: int) -> None:
    import random

    body = random.Random(1).randbytes(size)
    packed = gzip.compress(body)
    assert read(Bodies(max_bytes=2**21, max_held=2**21), chunk(packed, more=False), packed=True) == body
