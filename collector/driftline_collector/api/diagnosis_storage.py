"""What is wrong with the place where data are kept: each finding with what to do."""

from collections.abc import Iterator

from driftline_collector.answers.doctor import Doctor, Finding
from driftline_collector.store.amounts import many, size, span

_FEW_DAYS = 14
#: What is over a limit by less than this share goes within a minute.
_OVER = 1.05
_WAITS_S = 30.0
_EXAMPLES = 5


def stored(found: Doctor) -> Iterator[Finding]:
    """Of the database and its journal, the disk, and the limits of size."""
    yield from _storing(found)
    yield from _disk(found)
    yield from _limits(found)


def _storing(found: Doctor) -> Iterator[Finding]:
    journal = found.journal
    if journal.fault is not None:
        yield Finding(
            severity="error",
            code="database_stuck",
            text=f"The database takes nothing in: {journal.fault}. {size(journal.bytes)} wait for it.",
            advice=_cure(journal.fault),
        )
    elif journal.oldest_s is not None and journal.oldest_s > _WAITS_S:
        yield Finding(
            severity="warning",
            code="database_behind",
            text=f"The database is {span(journal.oldest_s)} behind: {size(journal.bytes)} wait for it.",
            advice="It is too slow for what comes: give it a faster disk, or let devices send less.",
        )
    elif not found.running and journal.bytes:
        yield Finding(
            severity="note",
            code="journal_waits",
            text=f"{size(journal.bytes)} that were accepted wait in the journal.",
            advice="Start the collector: it takes them in first.",
        )
    if journal.set_aside:
        yield Finding(
            severity="error",
            code="set_aside",
            text=f"{many(len(journal.set_aside), 'file')} of accepted rows could not be stored.",
            advice="Keep them, and report this with the lines of the collector's log that name them.",
            examples=journal.set_aside[:_EXAMPLES],
        )
    memory = found.memory
    if found.running and memory.database > 0.95 * memory.database_limit:
        used, most = size(memory.database), size(memory.database_limit)
        yield Finding(
            severity="note",
            code="memory_full",
            text=f"The database holds {used} of the {most} that it may: queries go to disk and are slower.",
            advice="Where pages are slow, give it more memory (store.memory).",
        )


def _cure(fault: str) -> str:
    """What to do against a fault of the disk, mostly told in the system's own words."""
    text = fault.lower()
    if "no space" in text or "disk full" in text or "could not write" in text:
        return "Free room on its disk; it goes on by itself, and nothing that was accepted is lost."
    if "read-only" in text or "permission" in text:
        return "Make its folder writable for the collector; it goes on by itself, and nothing is lost."
    return "Read the collector's log. What was accepted is kept in the journal, and taken in after a restart."


def _disk(found: Doctor) -> Iterator[Finding]:
    disk, keeping = found.disk, found.keeping
    if disk is None or keeping is None:
        return
    if keeping.state != "ample":
        full = keeping.state == "full"
        what = "nothing is taken any more" if full else f"given up are {', '.join(keeping.shed) or 'none'}"
        yield Finding(
            severity="error",
            code="disk_full",
            text=f"The disk of {disk.path} has {size(disk.free)} left of {size(disk.total)}: {what}.",
            advice="Free room on it, move to a larger one, or keep less; what is held back comes then.",
        )
    elif keeping.days_left is not None and keeping.days_left < _FEW_DAYS:
        left = span(keeping.days_left * 86400)
        yield Finding(
            severity="warning",
            code="disk_soon_full",
            text=f"At the growth of late the disk of {disk.path} is full in {left}.",
            advice="Keep less, or give it a larger disk: driftline doctor --details says what takes room.",
        )


def _limits(found: Doctor) -> Iterator[Finding]:
    """Of size, which operators have set."""
    keeping = found.keeping
    if keeping is None:
        return
    most = keeping.most_bytes
    if most is not None and keeping.bytes > _OVER * most:
        yield Finding(
            severity="warning",
            code="over_most",
            text=f"The store takes {size(keeping.bytes)} and may take {size(most)}: no more days may go.",
            advice="The database stays, and so do days that may be judged again. Raise retention.most, or"
            " make these days fewer (retention.archive_after, evaluation.history).",
        )
    if evicted := [kind for kind in keeping.kinds if kind.evicted_rows]:
        profiles = any(kind.kind == "profiles" for kind in evicted)
        yield Finding(
            severity="warning" if profiles else "note",
            code="dropped_for_size",
            text="In the last 24 hours days were dropped before their time, to keep within limits of size.",
            advice="To keep them for longer raise the limit (retention.most, or most of the kind)"
            + (", or give profiles room by a limit for what is less dear." if profiles else "."),
            examples=tuple(
                f"{kind.kind}: {many(kind.evicted_rows, 'row')}, kept since {(kind.oldest or '')[:10]}"
                for kind in evicted
            ),
        )
