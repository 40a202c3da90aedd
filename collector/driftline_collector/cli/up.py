"""`driftline up`: the collector and its dashboard, started and stopped together."""

import logging
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from driftline_collector.cli.collector import Config
from driftline_collector.cli.dashboard import DEFAULT_PORT, Dashboard
from driftline_collector.cli.output import Json, example, print_json
from driftline_collector.environment import default_file
from driftline_collector.errors import StartError
from driftline_collector.memory import refuse_pandas

if TYPE_CHECKING:
    from driftline_collector.app import Collector
    from driftline_collector.settings import Settings

EXAMPLE = example("driftline up", "driftline up --config driftline.yaml --dashboard-port 8600")


def up(
    *,
    config: Config = None,
    dashboard_host: Annotated[
        str, typer.Option(help="Address that the dashboard listens on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    dashboard_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the dashboard; 0 takes a free one.")
    ] = DEFAULT_PORT,
    json: Json = False,
) -> None:
    """Run collector and dashboard together, until one Ctrl-C or SIGTERM stops both.

    No configuration is needed: data are kept in driftline.duckdb, here. With --json the first line of output
    is an object with url, grpc, dashboard, database and config.
    """
    from driftline_collector.settings import load  # with the database's weight: not for commands that ask

    path = config or default_file()
    settings = load(path)
    refuse_pandas()
    with Dashboard(dashboard_host, dashboard_port, option="--dashboard-port") as dashboard:
        from driftline_collector.app import (
            Collector,
        )  # the server's weight, once all else is known to be there

        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells each look at the dashboard's health
        running = Collector(_links_to(dashboard, settings))
        facts = {
            "url": running.url,
            "grpc": running.grpc_address,
            "dashboard": dashboard.url,
            "database": str(settings.store.path.absolute()),
            "config": str(path) if path else None,
        }
        watch = _Watch(running, dashboard, facts, json=json)
        running.run(watch.start)
    if watch.error is not None:
        raise watch.error


def _links_to(dashboard: Dashboard, settings: "Settings") -> "Settings":
    """Links in alerts open the dashboard that runs here, unless another address is configured."""
    server = settings.server.model_copy(update={"public_url": settings.server.public_url or dashboard.url})
    return settings.model_copy(update={"server": server})


class _Watch(threading.Thread):
    """Starts the dashboard, tells the addresses once both serve, and stops the collector where it fails."""

    def __init__(
        self, collector: "Collector", dashboard: Dashboard, facts: dict[str, str | None], *, json: bool
    ) -> None:
        super().__init__(name="driftline-up", daemon=True)
        self._collector = collector
        self._dashboard = dashboard
        self._facts = facts
        self._json = json
        self.error: StartError | None = None

    def start(self) -> None:
        """To be called where signals are heeded already, so that no dashboard is left behind."""
        self._dashboard.start(self._facts["url"] or "")
        super().start()

    def run(self) -> None:
        """Until the dashboard is to stop."""
        try:
            if self._dashboard.ready():
                self._announce()
            self._dashboard.wait()
        except StartError as error:
            self.error = error
            self._collector.stop()

    def _announce(self) -> None:
        if self._json:
            print_json(self._facts, indent=None)
            return
        typer.echo(
            f"driftline dashboard: {self._facts['dashboard']}\n"
            f"driftline collector: OTLP and API on {self._facts['url']}"
            f"{' · OTLP/gRPC on ' + self._facts['grpc'] if self._facts['grpc'] else ''}"
            f" · database {self._facts['database']}"
            f" · configuration {self._facts['config'] or 'none, all defaults'} · stop with Ctrl-C"
        )
