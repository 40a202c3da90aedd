"""How long named reads take: the latest of each, without what was asked for."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)
#: So many durations of each read are remembered.
_LATEST = 512


@dataclass(frozen=True, slots=True)
class Timing:
    """A named read since the start of the process: how often, and quantiles of its latest durations in s."""

    name: str
    count: int
    p50: float
    p99: float
    longest: float


class Timings:
    """The durations of reads, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}

    def note(self, name: str, seconds: float) -> None:
        """A read has taken so long."""
        with self._lock:
            self._latest.setdefault(name, deque(maxlen=_LATEST)).append(seconds)
            self._counts[name] = self._counts.get(name, 0) + 1

    def slowest(self) -> list[Timing]:
        """All reads, the one that takes longest first."""
        with self._lock:
            found = [(name, self._counts[name], sorted(latest)) for name, latest in self._latest.items()]
        rows = [
            Timing(name, count, latest[len(latest) // 2], latest[int(len(latest) * 0.99)], latest[-1])
            for name, count, latest in found
        ]
        return sorted(rows, key=lambda row: -row.p99)


def timed(names: Iterable[str]) -> Callable[[Class], Class]:
    """Note the durations of these methods of a class in its attribute `timings`."""

    def decorate(kind: Class) -> Class:
        for name in names:
            setattr(kind, name, _timed(name, getattr(kind, name)))
        return kind

    return decorate


def _timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def read(self: Any, *args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.timings.note(name, time.perf_counter() - begun)

    return read
