"""`driftline drift --replay`: the A/A ledger."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from driftline_collector.cli.output import clock, console, print_json, table
from driftline_collector.cli.stored import stored

if TYPE_CHECKING:
    from driftline_collector.replay import Held, Ledger

_DEFAULT = "28d"
_SHOWN = 20
_ANSWERS = {
    "kept": "The promise is kept.",
    "open": "So little time can neither keep nor break the promise: replay more of it.",
    "broken": "There are more false incidents than promised.",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where profiles are, and from when to when."""

    url: str
    database: Path | None
    start: str | None
    end: str | None


def of_file(model: str, file: Path, exclude: Sequence[str], weeks: float) -> "Held":
    """Rows of a file; all columns but the excluded ones are features."""
    from driftline_collector.cli.columns import read_columns, take
    from driftline_collector.replayed import HeldRows

    columns = read_columns(file)
    for name in exclude:
        take(columns, name, "--exclude")
    kept = {name: column for name, column in columns.items() if name not in exclude}
    return HeldRows(model, kept, weeks)


def tell(model: str, source: Source, held: "Held | None", *, json: bool) -> None:
    """Replay, and print the ledger. Ends with status 1 where the promise is broken."""
    from driftline_collector.replay import replay  # the weight of a collector, only now

    with ExitStack() as opened:
        if not json and console().is_terminal:
            opened.enter_context(console().status("replaying, some windows a second …"))
        ledger = replay(held or opened.enter_context(_profiles(model, source)))
    if json:
        # Nothing that was replayed bounds nothing, and JSON has no infinity.
        most = ledger.at_most if isfinite(ledger.at_most) else None
        incidents = [asdict(each) for each in ledger.incidents]
        print_json(asdict(ledger) | {"at_most": most, "incidents": incidents})
    else:
        _show(ledger)
    if ledger.answer == "broken":
        raise typer.Exit(1)


@contextmanager
def _profiles(model: str, source: Source) -> "Iterator[Held]":
    import pyarrow as pa
    import pyarrow.compute as pc

    from driftline_collector.api.filters import Filters
    from driftline_collector.api.problems import ProblemError
    from driftline_collector.replayed import HeldProfiles, latest

    try:
        asked = Filters(None, source.start or _DEFAULT, source.end).where(time.time_ns())
    except ProblemError as error:
        raise typer.BadParameter(error.detail) from error
    with stored(source.url, source.database) as kept:
        first, last = kept.seen_ns(model)
        registered = latest(kept.rows("references", model, (None, None)))

        def read(start_ns: int, end_ns: int) -> pa.Table:
            found = kept.rows("profiles", model, (str(start_ns), str(end_ns)))
            return found.filter(pc.greater_equal(found.column("start_ns"), start_ns))

        yield HeldProfiles(model, registered, read, max(first, asked.start_ns), min(last, asked.end_ns))


def _show(ledger: "Ledger") -> None:
    out = console()
    out.print(
        f"{ledger.windows:,} windows of {ledger.model} replayed, {ledger.weeks:.2g} weeks:"
        f" up to {ledger.segments:,} segments, {ledger.tests:,} verdicts on features.",
        markup=False,
        soft_wrap=True,
    )
    shown = table("false incidents", "a week", "at least", "at most", right=("a week", "at least", "at most"))
    shown.add_row("promised", "", "", f"{ledger.promised:.2g}")
    shown.add_row("observed", *(_rate(n) for n in (ledger.observed, ledger.at_least, ledger.at_most)))
    out.print(shown)
    if ledger.incidents:
        rung = table("segment", "moved", "window from (UTC)")
        for each in ledger.incidents[:_SHOWN]:
            rung.add_row(each.segment, ", ".join(each.features[:3]) or "–", _moment(each.window_start_ns))
        out.print(rung)
    out.print(_ANSWERS[ledger.answer], markup=False)


def _rate(a_week: float) -> str:
    return f"{a_week:.2g}" if isfinite(a_week) else "–"


def _moment(ns: int) -> str:
    from driftline_collector.api.values import moment

    told: Any = moment(ns)
    return clock(told)
