"""Commands that do their work themselves on the file of a collector that does not run."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from driftline_collector.errors import StoreError

if TYPE_CHECKING:
    from driftline_collector.api.parts import Parts
    from driftline_collector.store.operated import Operated

Database = Annotated[
    Path | None,
    typer.Option(help="The database's file, where no collector runs. Without it: the collector is asked."),
]


@contextmanager
def from_file(database: Path) -> Iterator["Parts"]:
    """What the API of a collector on this file would speak for. Raises StoreError."""
    if not database.is_file():
        raise StoreError(f"{database}: there is no database; say where it is, or leave out --database")
    # The weight of a server, only now.
    from driftline_collector.api.parts import Parts
    from driftline_collector.api.problems import ProblemError
    from driftline_collector.store.duckdb import DuckDBStore

    with closing(DuckDBStore(database)) as store:
        try:
            yield Parts(store=store, operated=store, now=time.time_ns, database=database)
        except ProblemError as error:
            raise typer.BadParameter(error.detail) from error


def operated(parts: "Parts") -> "Operated":
    """The store, which `from_file` has opened for writing."""
    if parts.operated is None:
        raise AssertionError("the store was opened for writing")
    return parts.operated
