"""The results as a table for people, as one JSON object for programs, as Markdown for documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.conformance.probe import Target
from tests.conformance.registry import (
    LEVELS,
    SPECIFICATION,
    SPECIFICATION_VERSION,
    TRANSPORTS,
    CannotRunError,
    Clause,
    Transport,
)
from tests.conformance.run import Outcome, Result

BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
_HEADINGS: dict[Transport, str] = {"http/protobuf": "protobuf", "http/json": "JSON", "grpc": "gRPC"}
_STYLES: dict[Outcome, str] = {"pass": "green", "fail": "bold red", "skip": "dim"}
_WORST_FIRST: tuple[Outcome, ...] = ("fail", "skip", "pass")


@dataclass(frozen=True, slots=True)
class Row:
    """A clause with all its results: up to three signals over up to three transports."""

    clause: Clause
    results: Sequence[Result]

    def over(self, transport: Transport) -> Sequence[Result]:
        return [result for result in self.results if result.transport == transport]

    def outcome(self, transport: Transport) -> Outcome | None:
        """The worst of the signals; None where the clause says nothing of the transport."""
        outcomes = {result.outcome for result in self.over(transport)}
        return next((outcome for outcome in _WORST_FIRST if outcome in outcomes), None)

    def cell(self, transport: Transport) -> str:
        """The outcome over a transport, with the signals that it holds for where the others do better."""
        outcome = self.outcome(transport)
        results = self.over(transport)
        having = [result.signal for result in results if result.outcome == outcome]
        if outcome is None:
            return ""
        return outcome if len(having) == len(results) else f"{outcome}: {', '.join(having)}"


def rows(results: Iterable[Result]) -> list[Row]:
    """Results in the order of the run → a row for each clause."""
    return [Row(clause, list(group)) for clause, group in groupby(results, key=lambda result: result.clause)]


def conformant(results: Iterable[Result]) -> bool:
    """Whether no MUST failed."""
    return not any(result.breaks_conformance for result in results)


def counts(results: Iterable[Result]) -> dict[str, dict[Outcome, int]]:
    """Level → outcome → number of results."""
    found: dict[str, dict[Outcome, int]] = {level: {"pass": 0, "fail": 0, "skip": 0} for level in LEVELS}
    for result in results:
        found[result.clause.level][result.outcome] += 1
    return found


def summary(results: Sequence[Result]) -> str:
    """One line: the verdict and the counts."""
    parts = [
        f"{level}: {count['pass']} passed, {count['fail']} failed, {count['skip']} skipped"
        for level, count in counts(results).items()
    ]
    verdict = "conformant in what was tested" if conformant(results) else "not conformant"
    return f"OTLP {SPECIFICATION_VERSION}: {verdict}. {'; '.join(parts)}."


def as_json(target: Target, results: Sequence[Result]) -> dict[str, Any]:
    """One object: what was tested, the counts by level, and each result with its clause."""
    return {
        "specification": {"url": SPECIFICATION, "version": SPECIFICATION_VERSION},
        "endpoints": {"http": target.http, "grpc": target.grpc},
        "conformant": conformant(results),
        "counts": counts(results),
        "results": [
            {
                "level": result.clause.level,
                "section": result.clause.section,
                "url": result.clause.url,
                "quote": result.clause.quote,
                "check": result.clause.title,
                "transport": result.transport,
                "signal": result.signal,
                "result": result.outcome,
                "seen": result.seen,
                **({"sent": result.sent} if result.sent else {}),
            }
            for result in results
        ],
    }


def as_markdown(results: Sequence[Result]) -> str:
    """The summary, and a table for each section of the specification."""
    lines = [summary(results), ""]
    for section, group in groupby(rows(results), key=lambda row: row.clause.section):
        members = list(group)
        lines += [
            f"### [{section}]({members[0].clause.url})",
            "",
            "| level | clause | what is seen of it | protobuf | JSON | gRPC |",
            "|---|---|---|---|---|---|",
        ]
        for row in members:
            cells = " | ".join(row.cell(transport) or "·" for transport in TRANSPORTS)
            lines.append(
                f"| {row.clause.level} | {in_a_cell(row.clause.quote)} | {row.clause.title} | {cells} |"
            )
        lines.append("")
    return "\n".join(lines)


def in_a_cell(text: str) -> str:
    """Text as it stands in a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def put_between_marks(file: Path, table: str) -> None:
    """Replace what stands between the two marks in a Markdown file. Raises CannotRunError without them."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise CannotRunError(f"{file} has no place for the table: write {BEGIN} and below it {END}")
    file.write_text(f"{before}{begin}\n\n{table}\n{end}{after}", encoding="utf-8")


def print_table(console: Console, results: Sequence[Result]) -> None:
    """The table, then what failed with what was sent and seen, then why things were skipped."""
    for section, group in groupby(rows(results), key=lambda row: row.clause.section):
        table = Table(box=None, pad_edge=False, show_header=False, title_justify="left")
        table.title = f"[bold not italic]{section}[/]"
        table.add_column(width=6, style="dim")
        table.add_column(width=66)
        for _ in TRANSPORTS:
            table.add_column(width=13)
        shown: list[tuple[str, ...]] = []
        for row in group:
            line = (row.clause.level, escape(row.clause.title), *(_cell(row, t) for t in TRANSPORTS))
            if line not in shown:  # one check may answer for several sentences of a section
                shown.append(line)
                table.add_row(*line)
        console.print(table)
        console.print()
    _print_failures(console, [result for result in results if result.outcome == "fail"])
    _print_skips(console, [result for result in results if result.outcome == "skip"])
    console.print(summary(results), highlight=False, soft_wrap=True)


def _cell(row: Row, transport: Transport) -> str:
    outcome = row.outcome(transport)
    return f"[{_STYLES[outcome]}]{outcome}[/] [dim]{_HEADINGS[transport]}[/]" if outcome else ""


def _print_failures(console: Console, failed: Sequence[Result]) -> None:
    if failed:
        console.print("[bold]What failed[/]\n")
    for row in rows(failed):
        console.print(f"[bold red]{row.clause.level}[/] {escape(row.clause.title)}", highlight=False)
        console.print(
            f"  [dim]{escape(row.clause.section)}: {escape(row.clause.quote)}[/]",
            highlight=False,
            soft_wrap=True,
        )
        for transport in TRANSPORTS:
            results = row.over(transport)
            if results:  # the first signal stands for the others: a server mostly treats them alike
                signals = ", ".join(result.signal for result in results)
                console.print(f"  {transport} ({signals})", highlight=False)
                console.print(f"    sent {escape(results[0].sent)}", highlight=False, soft_wrap=True)
                console.print(f"    seen {escape(results[0].seen)}", highlight=False, soft_wrap=True)
        console.print()


def _print_skips(console: Console, skipped: Sequence[Result]) -> None:
    if not skipped:
        return
    console.print("[bold]What could not be tested[/]\n")
    titles_by_reason: dict[str, list[str]] = {}
    for result in skipped:
        titles = titles_by_reason.setdefault(result.seen, [])
        if result.clause.title not in titles:
            titles.append(result.clause.title)
    for reason, titles in titles_by_reason.items():
        shown = titles if len(titles) <= 4 else [*titles[:3], f"{len(titles) - 3} more"]
        console.print(
            f"[dim]{escape(', '.join(shown))}: {escape(reason)}[/]", highlight=False, soft_wrap=True
        )
    console.print()
