"""`driftline reference verify`: whether the deployed preprocessing makes what the model was trained on."""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from driftline_schemas.errors import SchemaError

from driftline_collector.cli.output import Json, console, example, number, print_json, table

if TYPE_CHECKING:
    from driftline_collector.analysis.serving_skew import FeatureSkew

EXAMPLE = example(
    "driftline reference verify digits-2.1.0.reference.json --rows train.parquet \\",
    "    --through mypackage.preprocessing:features",
)
_SHOWN = 5


def verify(
    file: Annotated[Path, typer.Argument(help="The reference file.")],
    *,
    rows: Annotated[
        Path, typer.Option(help="The rows it was made of, not yet prepared: a .csv, .parquet or .npz file.")
    ],
    through: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="The deployed preprocessing: row in, features out. Without it the rows are features.",
        ),
    ] = None,
    expected: Annotated[
        Path | None, typer.Option(help="What training made of the same rows, to compare row by row.")
    ] = None,
    allow: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rows that may differ, as by rounding.")
    ] = 0.001,
    json: Json = False,
) -> None:
    """Run training rows through the deployed preprocessing, and refuse what is not as in training.

    Ends with status 1 where a feature does not match.
    """
    from driftline_schemas.reference import Reference

    from driftline_collector.analysis.serving_skew import skew
    from driftline_collector.cli.columns import read_columns, read_rows

    reference = Reference.load(_existing(file))
    names = [feature.name for feature in reference.binning.inputs if feature.kind == "categorical"]
    made: Mapping[str, Any]
    if through is None:
        made = read_columns(rows, texts=names)
        count = len(next(iter(made.values()), ()))
    else:
        made, count = _made(_function(through), read_rows(rows), through)
    if not count:
        raise SchemaError("no rows", where=str(rows))
    known = None if expected is None else read_columns(expected, texts=names)
    if known is not None and (other := len(next(iter(known.values()), ()))) != count:
        said = f"{other:,} rows, but {count:,} in {rows}; they must be the same ones"
        raise SchemaError(said, where=str(expected))
    found = skew(reference, made, expected=known, allowed=allow)
    wrong = [one for one in found if one.problem]
    beside = sorted(set(made) - {one.feature for one in found}) if through else []
    if json:
        print_json(
            {
                "reference": str(file),
                "rows": count,
                "matches": not wrong,
                "features": [asdict(one) for one in found],
                "not_in_reference": beside,
            }
        )
    else:
        _show(found, count, beside)
    if wrong:
        raise typer.Exit(1)


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise SchemaError("there is no such file", where=str(file))
    return file


def _function(through: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """What `module:function` names; modules of this folder are found, as by `python -m`."""
    module, _, name = through.partition(":")
    if not module or not name:
        raise typer.BadParameter("expected module:function, such as mypackage.preprocessing:features")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # whatever a user's module does when it is imported
        raise typer.BadParameter(f"{through} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise typer.BadParameter(f"{through} is no function")
    function: Callable[[Mapping[str, Any]], Mapping[str, Any]] = found
    return function


def _made(
    function: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    rows: Iterable[Mapping[str, Any]],
    through: str,
) -> tuple[dict[str, list[Any]], int]:
    """The features of all rows by name, None where a row had none of it, and how many rows there were."""
    columns: dict[str, list[Any]] = {}
    count = 0
    for row in rows:
        try:
            features = dict(function(row))
        except Exception as error:  # a user's function
            said = f"{type(error).__name__}: {error}"
            raise SchemaError(f"row {count + 1} was refused: {said}", where=through) from error
        for name in features.keys() - columns.keys():
            columns[name] = [None] * count
        for name, column in columns.items():
            column.append(features.get(name))
        count += 1
    return columns, count


def _show(found: "Sequence[FeatureSkew]", rows: int, beside: Sequence[str]) -> None:
    shown = table("feature", "kind", "rows differ", "PSI", "moved most", "", right=("rows differ", "PSI"))
    for one in sorted(found, key=lambda one: (one.problem is None, -(one.differ or one.psi or 0.0))):
        least = "" if one.by_row or not one.differ else "≥ "
        shown.add_row(
            one.feature,
            one.kind,
            "–" if one.differ is None else f"{least}{one.differ:.2%}",
            number(one.psi),
            one.moved or "–",
            f"MISMATCH: {one.problem}" if one.problem else "matches",
        )
    out = console()
    out.print(shown)
    wrong = [one.feature for one in found if one.problem]
    if beside:
        out.print(f"Made, but not in the reference: {', '.join(beside)}.", markup=False)
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        said = f"{len(wrong)} of {len(found)} features do not match: {', '.join(wrong[:_SHOWN])}{more}."
        out.print(f"{said} The model would see what it was not trained on.", markup=False, soft_wrap=True)
        if any(one.differ and not one.by_row for one in found):
            out.print(
                f"As there are {rows:,} rows here and in the reference, they were taken to be the same. If"
                " they are others, leave one out: then chance is allowed for.",
                markup=False,
                soft_wrap=True,
            )
    else:
        out.print(f"All {len(found)} features of {rows:,} rows are as in the reference.", markup=False)
