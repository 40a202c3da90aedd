"""The collector in a thread of the test, on a real socket: its API to ask, its store to fill."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
from driftline_collector.app import Collector
from driftline_collector.settings import ServerSettings, Settings, StoreSettings

#: A moment that hours align to.
START = 1_767_225_600 * 10**9
SOURCE = {
    "model": "digits",
    "version": "2",
    "device": "cam-1",
    "device_type": "camera-a",
    "region": "eu",
    "tier": "device_edge",
}


class Serving:
    """`url` and `http` for asking, `put` for what the receiver or the analysis would store."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.url = collector.url
        self.http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=60, trust_env=False)

    def put(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Commit rows of a table."""
        columns = self.collector._store._read(f"SELECT * EXCLUDE (received_ns) FROM {table} LIMIT 0").schema
        self.collector._store.submit({table: pa.Table.from_pylist(list(rows), schema=columns)}).result()

    def read(self, query: str) -> list[dict[str, Any]]:
        """What the database holds."""
        rows: list[dict[str, Any]] = self.collector._store._read(query).to_pylist()
        return rows


@contextmanager
def serving(folder: Path, **sections: Any) -> Iterator[Serving]:
    """A collector that runs until the block ends."""
    settings = Settings(
        store=StoreSettings(path=folder / "api.duckdb"), server=ServerSettings(port=0), **sections
    )
    collector = Collector(settings)
    started = threading.Event()
    thread = threading.Thread(target=collector.run, args=(started.set,))
    thread.start()
    assert started.wait(60)
    running = Serving(collector)
    try:
        yield running
    finally:
        running.http.close()
        collector.stop()
        thread.join(60)
    assert not thread.is_alive()


def profile(feature: str, kind: str = "numeric", **columns: Any) -> dict[str, Any]:
    """A row of the table `profiles`: one feature in one window of one device."""
    return {
        "start_ns": START,
        "end_ns": START + 60 * 10**9,
        "stream": "s",
        **SOURCE,
        "binning": "b1-0123456789abcdef",
        "feature": feature,
        "kind": kind,
        "counts": [1],
        **columns,
    }


def prediction(identity: str, **columns: Any) -> dict[str, Any]:
    """A row of the table `predictions`."""
    return {"time_ns": START, "id": identity, **SOURCE, **columns}
