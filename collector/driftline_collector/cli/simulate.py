"""`driftline simulate`."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftline_collector.cli.output import Json, Url, console, example, print_json, table

if TYPE_CHECKING:
    from driftline_collector.simulation.run import Outcome
    from driftline_collector.simulation.sizing import Sizing

_MOST_VALUES = 10_000
_UNITS = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "kB": 10**3}
EXAMPLE = example(
    "driftline simulate --fresh --devices 5000 --minutes 10",
    "driftline simulate --fresh --devices 1000 --minutes 60 --speed 20 --rate 2",
    "driftline simulate --url http://127.0.0.1:4318 --devices 90 --segment line=3 --segment shift=2",
    "driftline simulate --url http://collector.example:4318 --devices 100 --minutes 5 --json",
)


def simulate(
    *,
    devices: Annotated[int, typer.Option(min=1, max=100_000, help="Devices, each with a connection.")] = 1000,
    minutes: Annotated[int, typer.Option(min=1, max=10_000, help="Simulated minutes.")] = 10,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Simulated minutes in a minute of the clock.")
    ] = 1.0,
    rate: Annotated[
        float, typer.Option(min=0, max=10_000, help="Predictions a second of each device.")
    ] = 5.0,
    sampled: Annotated[
        float, typer.Option(min=0.0001, max=1, help="Share of the predictions that is sent whole.")
    ] = 0.01,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that send.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same fleet.")] = 1,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES", help="A dimension of your own, and how many values it has. Repeatable."
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start a collector on a store of its own, and remove both.")
    ] = False,
    kept_days: Annotated[int, typer.Option(min=1, help="Days of data that the table reckons with.")] = 30,
    url: Url,
    json: Json = False,
) -> None:
    """Send what a fleet would send, read back what was stored, and say what a fleet needs.

    Devices restart and crash, have clocks that are off, lose their uplink and come back with a backlog, and
    send some requests twice. Model, devices and data are named 'simulated'; they stay in the store. Without
    --fresh the table of sizes is left out: it wants to see the collector's process. Exit status 1 where
    anything acknowledged is not there, or is there twice.
    """
    from driftline_collector.simulation.fresh import fresh_collector
    from driftline_collector.simulation.plan import Plan
    from driftline_collector.simulation.run import simulate as run
    from driftline_collector.simulation.sizing import sizings

    segments = _read_segments(segment or [])
    with fresh_collector() if fresh else nullcontext() as own:
        # The plan last: its clock begins when it is made.
        plan = Plan(
            devices=devices,
            minutes=minutes,
            rate=rate,
            sampled=sampled,
            speed=speed,
            seed=seed,
            segments=segments,
        )
        outcome = run(plan, own.url if own else url, processes=processes, fresh=own)
    sizes = sizings(outcome, kept_days=kept_days)
    if json:
        print_json(_document(outcome, sizes))
    else:
        _show(outcome, sizes, kept_days)
    if not outcome.in_order:
        raise typer.Exit(1)


def _read_segments(told: Sequence[str]) -> dict[str, int]:
    """Dimensions of the user's own, and how many values each has."""
    segments = {}
    for text in told:
        name, _, values = text.rpartition("=")
        if not name or not values.isdecimal() or not 0 < int(values) <= _MOST_VALUES:
            raise typer.BadParameter(
                f"{text!r} is no NAME=VALUES, with 1 to {_MOST_VALUES} values; say line=3",
                param_hint="--segment",
            )
        segments[name] = int(values)
    return segments


def _document(outcome: "Outcome", sizes: "list[Sizing]") -> dict[str, Any]:
    sent = asdict(outcome.sent)
    del sent["seconds"]
    sent["retry_after"] = sorted(sent.pop("hints"))
    sent |= {"p50_ms": outcome.sent.quantile(0.5) * 1e3, "p99_ms": outcome.sent.quantile(0.99) * 1e3}
    return {
        "plan": asdict(outcome.plan),
        "seconds": outcome.seconds,
        "sent": sent,
        "stored": asdict(outcome.stored),
        "lost": outcome.lost,
        "in_order": outcome.in_order,
        "idle": asdict(outcome.idle) if outcome.idle else None,
        "used": asdict(outcome.used) if outcome.used else None,
        "sizes": [asdict(size) for size in sizes],
    }


def _show(outcome: "Outcome", sizes: "list[Sizing]", kept_days: int) -> None:
    from driftline_collector.store.amounts import many

    plan, sent, stored = outcome.plan, outcome.sent, outcome.stored
    rows = table(
        "", "sent", "acknowledged", "stored", "lost", right=("sent", "acknowledged", "stored", "lost")
    )
    rows.add_row("requests", f"{sent.requests:,}", f"{sent.acknowledged:,}", "", "")
    missing = max(0, sent.predictions - stored.predictions)
    rows.add_row("predictions", "", f"{sent.predictions:,}", f"{stored.predictions:,}", f"{missing:,}")
    kept = sent.records - stored.missing
    rows.add_row("log records", "", f"{sent.records:,}", f"{kept:,}", f"{stored.missing:,}")
    out = console()
    out.print(
        f"{many(plan.devices, 'device')}, {many(plan.minutes, 'minute')} at speed {plan.speed:g},"
        f" seed {plan.seed}: {many(stored.streams, 'stream')} in {outcome.seconds:.0f} s",
        markup=False,
    )
    out.print(rows)
    hints = " or ".join(f"{hint} s" for hint in sorted(sent.hints))
    out.print(
        f"Told to come again: {sent.put_off:,} requests{f', in {hints}' if hints else ''}."
        f" Broken off: {sent.broken_off:,}. Refused: {sent.refused:,}.\n"
        f"Repeated: {sent.resent:,} records and points were sent twice on purpose,"
        f" {stored.repeated:,} were told apart.\n"
        f"Gone with devices that crashed, and known: {stored.announced_lost:,} predictions.\n"
        f"Acknowledged after {sent.quantile(0.5) * 1e3:.0f} ms (median),"
        f" {sent.quantile(0.99) * 1e3:.0f} ms (99%).",
        markup=False,
        soft_wrap=True,
    )
    if sizes:
        _show_sizes(sizes, kept_days)
    if not outcome.in_order:
        out.print("This is not in order: please report it with the line above and the seed.", markup=False)


def _show_sizes(sizes: "list[Sizing]", kept_days: int) -> None:
    names = (
        "predictions/s",
        "samples/s",
        "requests/s",
        "cores",
        "memory",
        "disk a day",
        f"disk, {kept_days} days",
    )
    rows = table("devices", *names, right=("devices", *names))
    for size in sizes:
        rows.add_row(
            f"{size.devices:,}",
            f"{size.predictions_per_s:,.0f}",
            f"{size.samples_per_s:,.0f}",
            f"{size.requests_per_s:,.0f}",
            f"{size.cores:.2f}",
            *(
                _rounded(size_)
                for size_ in (size.memory_bytes, size.disk_bytes_per_day, size.disk_bytes_kept)
            ),
        )
    console().print(rows)


def _rounded(size: int) -> str:
    """In three digits."""
    unit = next(unit for unit in _UNITS if size >= _UNITS[unit] or unit == "kB")
    return f"{float(f'{size / _UNITS[unit]:.3g}'):g} {unit}"
