"""The main job: a fleet of digit-reading devices, a collector that watches it, and a desk that is told.

python -m examples.digits_fleet                      # a tour in terminal and dashboard, until Ctrl-C
python -m examples.digits_fleet --headless --json    # one JSON object as the last line
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from driftline_collector.client import ClientError
from rich.console import Console
from rich.live import Live

from examples.digits_fleet import links
from examples.digits_fleet.plan import WINDOW
from examples.digits_fleet.processes import StartError
from examples.digits_fleet.receiver import Delivery, describe
from examples.digits_fleet.report import make_report, shortcomings, wait_until_settled
from examples.digits_fleet.run import KILLED, Run
from examples.digits_fleet.scenario import Timeline
from examples.digits_fleet.view import View, summary

_SETTLE = 60.0  # seconds at most until the collector has nothing left to do; an idle machine needs few
_LATE = 60.0  # seconds; windows close after twenty at most, and an idle machine judges them at once
_FINISH = 20.0  # seconds kept for stopping, and for the collector to count what came last


def main() -> int:
    """Exit status 0 only if just what was caused was found, nothing was lost, and every alert arrived."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.digits_fleet", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--headless", action="store_true", help="no picture; ends by itself")
    parser.add_argument("--json", action="store_true", help="with --headless: the report as the last line")
    parser.add_argument("--seconds", type=float, default=130.0, help="about how long all of it takes")
    parser.add_argument("--no-open", action="store_true", help="leave it to you to open the dashboard")
    parser.add_argument("--folder", type=Path, help="keep database, logs and spools here (default: nowhere)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    with _folder(options.folder) as folder:
        try:
            return headless(folder, options) if options.headless else tour(folder, options)
        except StartError as error:
            print(f"the main job could not start: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130


def headless(folder: Path, options: argparse.Namespace) -> int:
    """Run the scenario once and report; progress goes to standard error."""
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {line}", file=sys.stderr, flush=True)

    with Run(folder, on_event=say, on_delivery=lambda delivery: say(describe(delivery))) as run:
        run.start()
        run.perform(_timeline(options.seconds, started))
        say("stopping the fleet")
        report, problems = _conclude(run)
    report |= {"seconds": round(time.monotonic() - started, 1), "shortcomings": problems}
    for problem in problems:
        say(problem)
    if options.json:
        print(json.dumps(report), flush=True)
    else:
        Console().print(summary(report))
    return 1 if problems else 0


def tour(folder: Path, options: argparse.Namespace) -> int:
    """Show the scenario as it happens, then what was found, then go on until Ctrl-C."""
    console, view, started = Console(), View(), time.monotonic()
    quiet = console.is_terminal

    def tell(event: str) -> None:
        view.event(event)
        if not quiet:
            console.print(event)

    def arrived(delivery: Delivery) -> None:
        view.delivery(delivery)
        if not quiet:
            console.print(describe(delivery))

    with Run(folder, on_event=tell, on_delivery=arrived, dashboard=True) as run:
        try:
            with Live(view, console=console, refresh_per_second=4), _watching(run, view):
                run.start()
                if run.dashboard and not options.no_open:
                    links.open_browser(run.dashboard)
                run.perform(_timeline(options.seconds, started))
                coverage = run.api.coverage()
                so_far = make_report(run.api, run.ledger, run.counters, coverage, run.receiver.deliveries)
                console.print(summary(so_far, settled=False))
                if (late := time.time() - run.api.judged_until()) > _LATE:
                    console.print(
                        f"this machine is busy: nothing of the last {late:.0f} s is judged yet, so wait"
                    )
                if run.dashboard:
                    found = links.links(run.dashboard, run.api.alerts(), KILLED)
                    console.print(links.shown(found), soft_wrap=True)
                tell("the tour is over; the fleet goes on until Ctrl-C")
                run.phase = "going on until Ctrl-C"
                threading.Event().wait()
        except KeyboardInterrupt:
            if run.phase == "starting":
                raise
            console.print("stopping: the devices send what they still have")
        complete = run.phase.startswith("going on")
        report, problems = _conclude(run)
    console.print(summary(report))
    if not complete:
        console.print("stopped before the tour was over")
        return 0
    for problem in problems:
        console.print(problem, style="red")
    return 1 if problems else 0


def _timeline(seconds: float, started: float) -> Timeline:
    """The timeline for what start-up has left of `seconds`."""
    return Timeline.fitting(seconds - (time.monotonic() - started) - _FINISH, WINDOW)


def _conclude(run: Run) -> tuple[dict[str, Any], list[str]]:
    """Stop the fleet, let the collector count, ask it for everything, and stop it too."""
    stopped_at = time.time()
    run.stop_fleet()
    coverage = wait_until_settled(
        run.api, run.counters, stopped_at, timeout=60
    )  # seconds of which an idle machine needs few
    report = make_report(run.api, run.ledger, run.counters, coverage, run.receiver.deliveries)
    run.stop_collector()
    return report, shortcomings(report, run.ledger, refused=run.receiver.refused, unclean=run.unclean)


@contextlib.contextmanager
def _watching(run: Run, view: View) -> Iterator[None]:
    """Keep the picture up to date from a thread of its own."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            view.phase = run.phase
            if run.phase == "starting":
                continue
            view.made = run.counters.made
            view.devices = run.devices_by_place()
            with contextlib.suppress(ClientError):  # the collector is stopping
                view.counted = run.api.coverage().predictions
                view.findings = run.api.drifting_now()

    thread = threading.Thread(target=watch, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
    else:
        with tempfile.TemporaryDirectory(prefix="digits-fleet-") as temporary:
            yield Path(temporary)


def _interrupt(*_: object) -> None:
    """SIGTERM ends the run as Ctrl-C does, so that no process is left behind."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
