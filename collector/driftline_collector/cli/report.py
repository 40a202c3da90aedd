"""`driftline report`: a window of a segment as one file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from driftline_collector.cli.output import Json, Url, console, example, print_json
from driftline_collector.client import Client
from driftline_collector.errors import ClientError

EXAMPLE = example(
    "driftline report",
    "driftline report --segment 'model=digits,version=*,device_type=camera-b,region=*' -o camera-b.html",
    "driftline report --model digits --at 2026-11-20T09:00:00Z --evidently train.parquet",
)


def report(
    *,
    segment: Annotated[
        str | None, typer.Option(help="Its key. Without it: the finding that explains most.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    at: Annotated[
        str | None, typer.Option(help="The window that holds this moment: RFC 3339, or 6h for so long ago.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "driftline-report.html"
    ),
    features: Annotated[
        int, typer.Option(min=0, max=100, help="Distributions to draw, of what moved furthest.")
    ] = 12,
    evidently: Annotated[
        Path | None,
        typer.Option(
            metavar="ROWS",
            help="Attach Evidently's report on the samples, against these rows: .csv, .parquet or .npz.",
        ),
    ] = None,
    url: Url,
    json: Json = False,
) -> None:
    """Write an HTML report of a closed window: verdict, numbers, what changed, distributions."""
    from driftline_collector.reports.evidence import gather
    from driftline_collector.reports.page import headline, page

    with Client(url) as client:
        evidence = gather(client, segment, model, at, features)
        attached = None
        if evidently is not None:
            from driftline_collector.cli.evidently import report_on_samples

            attached = report_on_samples(client, evidence, evidently)
    text = page(evidence, written=datetime.now(UTC).isoformat(), attached=attached)
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ClientError(f"{output}: cannot be written: {error.strerror}") from error
    whole = evidence.whole
    if json:
        print_json(
            {
                "file": str(output),
                "segment": whole.segment,
                "window": {"start": whole.window_start, "end": whole.window_end},
                "verdict": whole.verdict,
                "moved": [one.feature for one in evidence.features if one.verdict == "drifted"],
            }
        )
        return
    console().print(f"{headline(whole)} → {output}", markup=False, soft_wrap=True)
    if whole.verdict == "insufficient_data" and at is None:
        console().print(
            f"{whole.reason}; --at 6h takes the window of six hours ago.", markup=False, soft_wrap=True
        )
