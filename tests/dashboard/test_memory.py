"""Answers are found once for all who ask, kept for a while, and found anew after that."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from driftline_dashboard.memory import Memory


def test_those_who_ask_for_what_is_on_its_way_wait_for_it() -> None:
    memory, asked, go = Memory[str](8), [], threading.Event()

    def find(before: str | None) -> str:
        asked.append(before)
        assert go.wait(60)
        return "found"

    memory.ahead("a", 60, find)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(memory.get, "a", 60, find) for _ in range(4)]
        go.set()
        assert [each.result(60) for each in waiting] == ["found"] * 4
    assert asked == [None]


def test_what_has_run_out_is_found_anew_with_the_value_before() -> None:
    memory, asked = Memory[int](8), []

    def find(before: int | None) -> int:
        asked.append(before)
        return len(asked)

    assert [memory.get("a", 0, find) for _ in range(3)] == [1, 2, 3]
    assert memory.get("b", 60, find) == memory.get("b", 60, find) == 4
    assert asked == [None, 1, 2, None]


def test_what_fails_is_told_to_all_and_not_kept() -> None:
    memory = Memory[int](8)

    def fail(_: int | None) -> int:
        raise ValueError("no")

    memory.ahead("a", 60, fail)
    with pytest.raises(ValueError, match="no"):
        memory.get("a", 60, fail)
    assert memory.get("a", 60, lambda _: 5) == 5


def test_the_least_recently_used_is_forgotten_first() -> None:
    memory, asked = Memory[str](2), []

    def find(identity: str) -> str:
        asked.append(identity)
        return identity

    for identity in ("a", "b", "a", "c", "a", "b"):
        assert memory.get(identity, 60, lambda _, name=identity: find(name)) == identity  # type: ignore[misc]
    assert asked == ["a", "b", "c", "b"]
