"""`driftline collector` and `driftline check-config`."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from driftline_collector.cli.output import Json, console, example, print_json
from driftline_collector.environment import default_file
from driftline_collector.errors import SettingsError
from driftline_collector.memory import refuse_pandas

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Configuration file. Without it: $DRIFTLINE_CONFIG, else ./driftline.yaml, else the defaults.",
    ),
]

EXAMPLE = example(
    "driftline collector",
    "driftline collector --config driftline.yaml",
    "DRIFTLINE_SERVER__PORT=4400 driftline collector",
)
CHECK_EXAMPLE = example(
    "driftline check-config driftline.yaml", "driftline check-config --schema > config.schema.json"
)


def collector(config: Config = None, json: Json = False) -> None:
    """Receive, store, judge and alert, until Ctrl-C or SIGTERM.

    No configuration is needed. With --json the first line of output is an object with url, grpc and database.
    """
    from driftline_collector.settings import load  # with the database's weight: not for commands that ask

    path = config or default_file()
    settings = load(path)
    refuse_pandas()
    from driftline_collector.app import Collector  # only this command needs the server's weight, and only now

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    running = Collector(settings)
    database = settings.store.path.absolute()

    def announce() -> None:
        if json:
            facts = {
                "url": running.url,
                "grpc": running.grpc_address,
                "database": str(database),
                "config": str(path) if path else None,
            }
            print_json(facts, indent=None)
            return
        grpc = f" · OTLP/gRPC on {running.grpc_address}" if running.grpc_address else ""
        typer.echo(
            f"driftline collector: OTLP and API on {running.url}{grpc} · database {database}"
            f" · configuration {path or 'none, all defaults'} · stop with Ctrl-C"
        )

    running.run(announce)


def check_config(
    file: Annotated[
        Path | None, typer.Argument(help="The file; without it the one that would be used.")
    ] = None,
    json: Json = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the configuration, for editors.")
    ] = False,
) -> None:
    """Check a configuration without starting anything. Exit status 2 where it is wrong."""
    from driftline_collector.settings import json_schema, load

    if schema:
        print_json(json_schema())
        return
    path = file or default_file()
    try:
        settings = load(path)
    except SettingsError as error:
        if not json:
            raise
        print_json({"valid": False, "problems": [asdict(problem) for problem in error.problems]})
        raise typer.Exit(2) from None
    rules = [rule.name for rule in settings.alerts.rules]
    notifiers = [notifier.name for notifier in settings.notifiers]
    if json:
        print_json({"valid": True, "rules": rules, "notifiers": notifiers})
        return
    named = f"Rules: {', '.join(rules) or 'none'}. Notifiers: {', '.join(notifiers) or 'none'}."
    console().print(f"{path or 'The defaults'}: correct. {named}", soft_wrap=True, markup=False)
