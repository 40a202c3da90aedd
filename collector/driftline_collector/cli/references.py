"""`driftline reference`: what a model saw and answered when all was well."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from driftline_schemas.errors import SchemaError

from driftline_collector.cli.output import Json, Url, clock, console, example, print_json, table
from driftline_collector.client import Client

if TYPE_CHECKING:
    from driftline_schemas.reference import Reference

app = typer.Typer(no_args_is_help=True, help="Build, register and list references.", rich_markup_mode=None)

Model = Annotated[str | None, typer.Option(help="The model's name.")]
Version = Annotated[str | None, typer.Option(help="The model's version.")]


@app.command(
    epilog=example(
        "driftline reference build train.csv --model digits --version 2.1.0 \\",
        "    --label predicted --score confidence --exclude id -o digits-2.1.0.reference.json",
    )
)
def build(
    data: Annotated[Path, typer.Argument(help="A .csv, .parquet or .npz file, a column for each feature.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The reference file to write.")],
    model: Model = None,
    version: Version = None,
    label: Annotated[str | None, typer.Option(help="Column with the labels that the model answered.")] = None,
    score: Annotated[str | None, typer.Option(help="Column with its scores.")] = None,
    value: Annotated[str | None, typer.Option(help="Column with its values, for a regression.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A column that is no feature. Repeatable.")
    ] = None,
    categorical: Annotated[
        list[str] | None, typer.Option(help="A column whose numbers are names. Repeatable.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="Reference of an earlier version, whose bins are to be used.")
    ] = None,
    bins: Annotated[int, typer.Option(min=2, max=64, help="Fine bins for each number.")] = 64,
    time: Annotated[
        str | None,
        typer.Option(help="Column with the rows' times, so that a window is compared with its own hour."),
    ] = None,
    zone: Annotated[
        str, typer.Option(help="The time zone whose hours count; times that tell none are of it.")
    ] = "UTC",
    json: Json = False,
) -> None:
    """Count training or validation data into a reference file.

    Labels, scores and values are what the model answered, not the truth. An npz array of two
    dimensions becomes a column for each of its own: x_0, x_1 and so on. Times are ISO 8601, timestamps of
    Parquet, or seconds or milliseconds since 1970.
    """
    from driftline_schemas.reference import Reference  # numpy and pyarrow are not for commands that only ask

    from driftline_collector.cli.columns import read_columns, take

    texts = [*(categorical or ()), *([label] if label else [])]
    columns = read_columns(data, texts=texts)
    for name in (*(exclude or ()), *(categorical or ())):
        take(columns, name, "--exclude" if name in (exclude or ()) else "--categorical")
    times = take(columns, time, "--time")
    left_out = {label, score, value, time, *(exclude or ())}
    features = {name: column for name, column in columns.items() if name not in left_out}
    if not features:
        raise SchemaError("no column is left to be a feature", where=str(data))
    earlier = Reference.load(like) if like else None
    reference = Reference.from_data(
        features,
        labels=take(columns, label, "--label"),
        scores=take(columns, score, "--score"),
        values=take(columns, value, "--value"),
        model=model or (earlier.model if earlier else ""),
        version=version or "",
        binning=earlier.binning if earlier else None,
        bins=bins,
        times=times,
        zone=zone,
    )
    try:
        reference.save(output)
    except OSError as error:
        raise SchemaError(f"cannot be written: {error.strerror}", where=str(output)) from error
    if json:
        print_json(
            {
                "file": str(output),
                "model": reference.model,
                "version": reference.version,
                "rows": reference.rows,
                "binning": reference.binning.id,
                "features": [feature.name for feature in reference.binning.features],
                "hours": sum(len(group.hours) for group in reference.hours),
            }
        )
        return
    _show(reference, output)
    if time:
        _show_hours(reference)


def _show(reference: "Reference", output: Path) -> None:
    shown = table("feature", "kind", "bins", "missing", right=("bins", "missing"))
    for feature in reference.binning.features:
        missing = reference.counts[feature.name][-1] / reference.rows
        shown.add_row(feature.name, feature.kind, str(feature.size), f"{missing:.1%}")
    out = console()
    out.print(shown)
    name = " ".join(filter(None, (reference.model, reference.version))) or "no model yet"
    out.print(
        f"{reference.rows:,} rows of {name}, binning {reference.binning.id} → {output}",
        markup=False,
        soft_wrap=True,
    )


def _show_hours(reference: "Reference") -> None:
    from driftline_schemas.hours import LEAST_DAYS, LEAST_ROWS, WEEK

    known, out = sum(len(group.hours) for group in reference.hours), console()
    if known:
        least = min(group.rows for group in reference.hours)
        out.print(
            f"{known} of {WEEK} hours of the week are compared with their own rows, {least:,} or more.",
            markup=False,
            soft_wrap=True,
        )
    if known < WEEK:
        whose = "The others are" if known else "All hours are"
        out.print(
            f"{whose} compared with all rows: an hour takes {LEAST_ROWS} rows, of {LEAST_DAYS} days.",
            markup=False,
            soft_wrap=True,
        )


@app.command(
    epilog=example(
        "driftline reference register digits-2.1.0.reference.json",
        "driftline reference register validation.reference.json --model digits --version 2.1.0",
    )
)
def register(
    file: Annotated[Path, typer.Argument(help="A reference file.")],
    *,
    model: Model = None,
    version: Version = None,
    url: Url,
    json: Json = False,
) -> None:
    """Give a reference to the collector, for a model version. One that does not fit is refused."""
    from driftline_schemas.reference import Reference

    try:
        reference = Reference.load(file)
    except OSError as error:
        raise SchemaError(f"cannot be read: {error.strerror}", where=str(file)) from error
    with Client(url) as client:
        registered, unwatched = client.register(reference.to_json(), model=model, version=version)
    if json:
        print_json({"reference": registered, "unwatched": unwatched})
        return
    out = console()
    out.print(
        f"Registered for {registered.model} {registered.version}: {len(registered.features)} features,"
        f" {registered.rows:,} rows, binning {registered.binning}.",
        markup=False,
        soft_wrap=True,
    )
    if unwatched:
        out.print(
            f"Not watched, since the reference does not have them: {', '.join(unwatched)}.", markup=False
        )


@app.command(
    "set",
    epilog=example(
        "driftline reference set digits --version 2.1.0 --from 2026-10-01T00:00:00Z \\",
        "    --to 2026-10-29T00:00:00Z",
        "driftline reference set digits --version 2.1.0 --from 28d",
    ),
)
def set_(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    *,
    version: Annotated[str, typer.Option(help="The model's version.")],
    start: Annotated[
        str, typer.Option("--from", help="What it counted from then on: RFC 3339, or 28d for so long ago.")
    ],
    end: Annotated[str | None, typer.Option("--to", help="Until then; now, where nothing is said.")] = None,
    url: Url,
    json: Json = False,
) -> None:
    """Have a model version compared with what it counted from one time to another.

    On the bins of the reference that it has. What was judged against another one stays as it is, and recent
    windows are judged anew.
    """
    with Client(url) as client:
        registered = client.register_past(model=model, version=version, **{"from": start, "to": end})
    if json:
        print_json(registered)
        return
    console().print(
        f"{registered.model} {registered.version} is now compared with {registered.rows:,} rows of"
        f" {clock(registered.start)} to {clock(registered.end)} (UTC), as {registered.id}.",
        markup=False,
        soft_wrap=True,
    )


@app.command("list", epilog=example("driftline reference list --model digits"))
def list_(
    *,
    model: Model = None,
    url: Url,
    json: Json = False,
) -> None:
    """The reference that counts for each model version."""
    with Client(url) as client:
        found = client.references(model=model)
    if json:
        print_json(list(found))
        return
    if not found:
        of = f" of {model}" if model else ""
        typer.echo(f"No references{of} yet. Register one with: driftline reference register FILE")
        return
    shown = table(
        "model",
        "version",
        "features",
        "rows",
        "hours",
        "binning",
        "registered (UTC)",
        right=("features", "rows", "hours"),
    )
    for reference in found:
        shown.add_row(
            reference.model,
            reference.version,
            str(len(reference.features)),
            f"{reference.rows:,}",
            f"{reference.hours} of 168" if reference.hours else "all as one",
            reference.binning,
            clock(reference.registered),
        )
    console().print(shown)
