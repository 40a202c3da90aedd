"""The line that no error of ours crosses into the user's code."""

from types import TracebackType

from driftline._intake import Drops


class Boundary:
    """`with boundary:` lets no error out: it counts, logs the first of its kind, and goes on after the block.
    Only a strict monitor raises."""

    def __init__(self, drops: Drops, *, strict: bool) -> None:
        self._drops = drops
        self._strict = strict

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or self._strict:
            return False
        self._drops.add("invalid", "metrics", detail=f"({error})")
        return True
