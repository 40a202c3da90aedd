"""Tables of a report."""

from collections.abc import Iterable, Sequence
from html import escape


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table of texts; columns in `numbers` stand to the right."""
    return framed(head, "".join(f"<tr>{_cells(row, numbers)}</tr>" for row in rows), numbers=numbers)


def framed(head: Sequence[str], body: str, *, numbers: Sequence[int] = ()) -> str:
    """The same with rows that are HTML. It scrolls by itself where the page is narrow."""
    top = "".join(
        f'<th scope="col"{NUMBER if i in numbers else ""}>{escape(text)}</th>' for i, text in enumerate(head)
    )
    label = escape(", ".join(filter(None, head)))
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


NUMBER = ' class="number"'


def _cells(row: Sequence[str], numbers: Sequence[int]) -> str:
    return "".join(f"<td{NUMBER if i in numbers else ''}>{escape(text)}</td>" for i, text in enumerate(row))
