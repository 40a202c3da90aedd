"""A forwarder that merges, between clients and a collector that is killed: everything is there, and once."""

from pathlib import Path

import duckdb
import pytest

from tests.clients.test_rotel import RECORDS as EACH
from tests.clients.test_rotel import REQUESTS, STREAMS, rotel, send_all
from tests.end_to_end.running import RunningCollector, collector, wait_until

RECORDS = STREAMS * REQUESTS * EACH


def committed(running: RunningCollector) -> dict[str, int]:
    counted: dict[str, int] = running.get("/system")["ingest"]["committed"]
    return counted


@pytest.mark.soak
def test_what_a_forwarder_sends_again_after_a_kill_is_there_once(tmp_path: Path) -> None:
    """Its clients have sent everything twice, and it sends again what the kill left unanswered."""
    with collector(tmp_path) as first, rotel(first, "http", tmp_path) as url:
        port = first.port
        send_all(url)
        wait_until(lambda: committed(first)["predictions"] > 0)
        first.kill()
        send_all(url)
        with collector(tmp_path, port=port) as second:
            wait_until(lambda: committed(second)["predictions"] == committed(second)["spans"] == RECORDS)
            wait_until(lambda: committed(second)["profiles"] == 3 * STREAMS * REQUESTS)
            assert second.stop() == 0
            database = second.facts["database"]
    with duckdb.connect(database, read_only=True) as stored:
        query = "SELECT count(*), count(DISTINCT (stream, sequence)) FROM {}"
        for table in ("predictions", "spans"):
            assert stored.execute(query.format(table)).fetchall() == [(RECORDS, RECORDS)]
        made = stored.execute("SELECT sum(counts[1]) FROM profiles WHERE kind = 'predictions'").fetchall()
        assert made == [(6 * STREAMS * REQUESTS,)]
