"""Remembers answers for a while, for all sessions and all threads, without copying them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Value = TypeVar("Value")
#: Finds a value; is given the one before, where there was one.
Find = Callable[[Value | None], Value]


class _Entry(Generic[Value]):
    """A value or one that is on its way; good until then on the monotonic clock."""

    def __init__(self, before: Value | None) -> None:
        self.before = before
        self.found: Future[Value] = Future()
        self.until = float("inf")


class Memory(Generic[Value]):
    """Values under their identities, the least recently used forgotten first."""

    def __init__(self, size: int, threads: int = 4) -> None:
        self._size = size
        self._entries: OrderedDict[Hashable, _Entry[Value]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="driftline-ahead")

    def get(self, identity: Hashable, keep_s: float, find: Find[Value]) -> Value:
        """The value, found now unless it was found in the last `keep_s` seconds.

        Whoever asks for one that is being found waits for it, and is told of the same exception.
        """
        entry, mine = self._entry(identity)
        if mine:
            self._find(identity, entry, keep_s, find)
        return entry.found.result()

    def ahead(self, identity: Hashable, keep_s: float, find: Find[Value]) -> None:
        """Begin to find a value that will be asked for soon."""
        entry, mine = self._entry(identity)
        if mine:
            self._pool.submit(self._find, identity, entry, keep_s, find)

    def _entry(self, identity: Hashable) -> tuple[_Entry[Value], bool]:
        """The entry, and whether the caller is the one to fill it."""
        with self._lock:
            entry = self._entries.get(identity)
            mine = entry is None or entry.until <= time.monotonic()
            if entry is None or mine:
                entry = self._entries[identity] = _Entry(None if entry is None else entry.found.result())
            self._entries.move_to_end(identity)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry, mine

    def _find(self, identity: Hashable, entry: _Entry[Value], keep_s: float, find: Find[Value]) -> None:
        try:
            found = find(entry.before)
        except BaseException as error:  # noqa: BLE001  # whatever it is, those who wait are to be told
            with self._lock:
                self._entries.pop(identity, None)
            entry.found.set_exception(error)
            return
        entry.before, entry.until = None, time.monotonic() + keep_s
        entry.found.set_result(found)
