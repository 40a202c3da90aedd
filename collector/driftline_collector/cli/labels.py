"""`driftline labels`: the right answers, where they come by another road than the device."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer
from driftline_schemas.errors import SchemaError

from driftline_collector.cli.output import Json, Url, example, print_json
from driftline_collector.client import Client, LabelsTaken
from driftline_collector.errors import ClientError

app = typer.Typer(no_args_is_help=True, help="Bring in ground truth.", rich_markup_mode=None)

_COLUMNS = ("prediction_id", "label", "value", "source", "probability", "time")
#: Labels in a request; each request is taken whole or not at all.
_CHUNK = 20_000
_EXAMPLES = 5


@app.callback()
def labels() -> None:
    """Bring in ground truth."""


@app.command("import", epilog=example("driftline labels import truth.csv"))
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.")],
    *,
    url: Url,
    json: Json = False,
) -> None:
    """Send labels from a CSV file with the columns prediction_id and label, and perhaps more.

    value (for a regression, in the place of label), source, time (of the label, RFC 3339), probability (how
    likely this prediction was to be labelled; give it when labels were not handed out evenly). Labels for
    predictions that are not there are kept, and count once those arrive.
    """
    taken = LabelsTaken(accepted=0, matched=0, unmatched=0)
    with Client(url) as client:
        for lines, rows in _chunks(file):
            try:
                part = client.send_labels(rows)
            except ClientError as error:
                raise _located(error, file, lines, taken.accepted) from error
            taken = LabelsTaken(
                accepted=taken.accepted + part.accepted,
                matched=taken.matched + part.matched,
                unmatched=taken.unmatched + part.unmatched,
                unmatched_examples=(*taken.unmatched_examples, *part.unmatched_examples)[:_EXAMPLES],
            )
    if json:
        print_json(taken)
        return
    typer.echo(f"Labels taken: {taken.accepted:,}, of which {taken.matched:,} for predictions that are here.")
    if taken.unmatched:
        more = " …" if taken.unmatched > len(taken.unmatched_examples) else ""
        typer.echo(
            "Waiting for their predictions, which never come where those were not sampled:"
            f" {taken.unmatched:,}, such as {', '.join(taken.unmatched_examples)}{more}"
        )


def _chunks(file: Path) -> Iterator[tuple[list[int], list[Mapping[str, str]]]]:
    """Labels by request, with the line of each in the file."""
    lines: list[int] = []
    rows: list[Mapping[str, str]] = []
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, strict=True)
            _check_header(reader.fieldnames or (), file)
            for row in reader:
                if None in row:
                    raise SchemaError(
                        "more fields than the first line names", where=f"{file}:{reader.line_num}"
                    )
                lines.append(reader.line_num)
                rows.append({name: value for name, value in row.items() if value})
                if len(rows) == _CHUNK:
                    yield lines, rows
                    lines, rows = [], []
    except OSError as error:
        raise SchemaError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise SchemaError(f"not CSV in UTF-8: {error}", where=str(file)) from error
    if rows:
        yield lines, rows


def _check_header(names: object, file: Path) -> None:
    found = list(names) if isinstance(names, (list, tuple)) else []
    if "prediction_id" not in found or not {"label", "value"} & set(found):
        raise SchemaError(
            f"the columns are {', '.join(found) or '(none)'}; expected prediction_id and label",
            where=f"{file}:1",
        )
    if unknown := [name for name in found if name not in _COLUMNS]:
        raise SchemaError(
            f"unknown column {unknown[0]!r}; known are {', '.join(_COLUMNS)}", where=f"{file}:1"
        )


def _located(error: ClientError, file: Path, lines: list[int], taken: int) -> ClientError:
    """The refusal with the lines of the file in the place of the rows of the request."""
    if not error.errors:
        return error
    wrong = []
    for part in error.errors:
        row = int(str(part["where"]).rpartition(" ")[2])
        wrong.append(f"{file}:{lines[row - 1]}: {part['message']}")
    head = f"no label from line {lines[0]} on was taken" if taken else "no label was taken"
    return ClientError("\n".join([head, *wrong]), status=error.status)
