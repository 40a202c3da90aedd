"""Windows of time: half-open [start, end) in ns since the epoch, aligned to UTC.

A window that is cut early (a new model, binning, policy or clock anchor) ends before its aligned end, and the
next one starts there: the windows of a stream form a chain, in which what never arrived shows as a hole.
`golden/windows.json` fixes both for other languages.
"""

from collections.abc import Iterable

Window = tuple[int, int]


def window_start(time_ns: int, width_ns: int) -> int:
    """Start of the aligned window that holds a time: the remainder is floored, so times before 1970 fit too.

    SQL and C take the remainder's sign from the time: there, use a floored or Euclidean one.
    """
    return time_ns - time_ns % width_ns


def window_end(time_ns: int, width_ns: int) -> int:
    """End of the aligned window that holds a time, which is the start of the next one."""
    return window_start(time_ns, width_ns) + width_ns


def holes(windows: Iterable[Window], *, until: int | None = None) -> list[Window]:
    """What a stream's chain of windows leaves out, ascending: a start that is not the last end is a hole.

    The windows may come in any order and more than once. `until` is where the chain is said to end
    (`driftline.stream.last_window_end`); without it nothing is known after the last window.
    """
    found: list[Window] = []
    covered: int | None = None
    for start, end in sorted(windows):
        if covered is not None and start > covered:
            found.append((covered, start))
        covered = end if covered is None else max(covered, end)
    if until is not None and covered is not None and until > covered:
        found.append((covered, until))
    return found
