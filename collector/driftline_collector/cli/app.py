"""The root of the command, and how its errors are told."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from driftline_schemas.errors import SchemaError
from typer.core import TyperGroup

from driftline_collector.cli import (
    alerts,
    backup,
    collector,
    dashboard,
    devices,
    doctor,
    drift,
    export,
    labels,
    purge,
    references,
    report,
    simulate,
    up,
    verify,
)
from driftline_collector.errors import CollectorError, SettingsError


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Parse and run a command; what is wrong with an option is told without pydantic's name for it."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    name="driftline",
    cls=_Commands,
    help="Watches machine-learning models that run at the edge.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.command(epilog=up.EXAMPLE)(up.up)
app.command(epilog=collector.EXAMPLE)(collector.collector)
app.command(epilog=dashboard.EXAMPLE)(dashboard.dashboard)
app.command("check-config", epilog=collector.CHECK_EXAMPLE)(collector.check_config)
app.command(epilog=drift.EXAMPLE)(drift.drift)
app.command(epilog=doctor.EXAMPLE)(doctor.doctor)
app.command(epilog=report.EXAMPLE)(report.report)
app.command(epilog=simulate.EXAMPLE)(simulate.simulate)
app.command(epilog=export.EXAMPLE)(export.export)
app.command(epilog=backup.EXAMPLE)(backup.backup)
app.command(epilog=backup.RESTORE_EXAMPLE)(backup.restore)
app.command(epilog=purge.EXAMPLE)(purge.purge)
app.add_typer(devices.app, name="devices")
references.app.command(epilog=verify.EXAMPLE)(verify.verify)
app.add_typer(references.app, name="reference")
app.add_typer(labels.app, name="labels")
app.add_typer(alerts.app, name="alerts")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"driftline {version('driftline')}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watches machine-learning models that run at the edge."""


def run() -> int:
    """Run the command. Returns 0, 1 where something went wrong, 2 where what was asked or set is wrong."""
    try:
        app()
    except SettingsError as error:
        typer.echo(f"driftline: the configuration is wrong; nothing was started\n{error}", err=True)
        return 2
    except (CollectorError, SchemaError) as error:
        typer.echo(f"driftline: {error}", err=True)
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return 1
    return 0
