"""Arrow tables under a name that SQL can select from."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa


@contextmanager
def registered(cursor: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """For statements within one transaction.

    Where one fails the names are left to the rollback: an aborted transaction takes no further statement,
    and the complaint about that would hide the fault itself.
    """
    for name, table in tables.items():
        cursor.register(name, table)
    yield
    for name in tables:
        cursor.unregister(name)
