"""The receiver and a store in the test's own process, on real sockets and a real file."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftline_collector.receiver.grpc import OtlpGrpc
from driftline_collector.receiver.http import MAX_BODY_BYTES, OtlpHttp
from driftline_collector.receiver.intake import Intake
from driftline_collector.server import Server, address, listen
from driftline_collector.store.duckdb import DuckDBStore


@dataclass(frozen=True)
class Serving:
    """Where it listens, and what it has stored."""

    url: str
    grpc: str
    intake: Intake
    store: DuckDBStore

    def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query of the database gives, as dictionaries."""
        self.store.settle()
        with self.store._database.cursor() as cursor:
            found: list[dict[str, Any]] = cursor.sql(query).to_arrow_table().to_pylist()
            return found

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


@contextmanager
def serving(
    folder: Path,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_requests: int = 512,
    origins: Collection[str] = (),
) -> Iterator[Serving]:
    """OTLP over HTTP and gRPC, each on a free port; at the end what was taken is committed."""
    store = DuckDBStore(folder / "served.duckdb")
    intake = Intake(store.inbox, lambda _binning, _feature: None, max_requests=max_requests)
    listener = listen("127.0.0.1", 0)
    grpc = OtlpGrpc("127.0.0.1", 0, max_body_bytes=max_body_bytes)
    http = Server(OtlpHttp(intake, max_body_bytes=max_body_bytes, origins=origins), listener)
    thread = threading.Thread(target=http.run)
    thread.start()
    grpc.start(intake)
    try:
        yield Serving(address(listener), grpc.address, intake, store)
    finally:
        http.stop()
        thread.join()
        grpc.stop(1)
        intake.close()
        store.close()
        listener.close()
