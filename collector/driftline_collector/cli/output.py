"""What commands share: how they print, and the options that many have."""

import json
from dataclasses import asdict, is_dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from driftline_collector.environment import collector_url

#: Where there is no terminal, lines are not to be cut to its width.
_WIDE = 200

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Url = Annotated[
    str,
    typer.Option(
        help="Where the collector is. Without it: $DRIFTLINE_URL, else http://127.0.0.1:4318.",
        metavar="URL",
        default_factory=collector_url,
        show_default=False,
    ),
]


def example(*lines: str) -> str:
    """The end of a command's help: lines that can be typed as they are."""
    # Backspace alone in a line keeps click from filling the paragraph.
    return "\n".join(["\b", "Example:", *(f"  {line}" for line in lines)])


def console() -> Console:
    """Standard output, for people."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=_WIDE)


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """One JSON document on standard output; dataclasses become objects."""
    typer.echo(json.dumps(document, indent=indent, default=_plain, ensure_ascii=False))


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def number(value: float | None, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}g}"


def clock(moment: str | None) -> str:
    """RFC 3339 as `2026-11-21 09:41:20`, in UTC."""
    return "–" if moment is None else moment[:19].replace("T", " ")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
