"""Reads that belong together: only the first of them waits for what was accepted before it.

Under load each wait takes as long as a commit, and a page of the dashboard asks for a dozen reads.
"""

from contextvars import ContextVar

_begun: ContextVar[list[bool] | None] = ContextVar("begun", default=None)


def read_together() -> None:
    """From here on, in this context (that of a request), reads belong together."""
    _begun.set([])


def is_first() -> bool:
    """Whether this read is the first of those it belongs to; one that belongs to none always is."""
    begun = _begun.get()
    if begun is None:
        return True
    begun.append(True)
    return len(begun) == 1
