"""What is asked of a short time reads what is of that time, however much else is kept."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from driftline_collector.store.database import vacuum
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.opened import WITH_ARCHIVE
from driftline_collector.store.shown import Samples, Where

from tests.store.batches import SOURCE, predictions

SECOND = 10**9
DAY = 86_400 * SECOND
START = 20_000 * DAY
#: Full row groups of earlier days, and a few rows of today in one more.
OLD_GROUPS, GROUP = 4, 122_880
TODAY = START + 10 * DAY
_READ = re.compile(r"Row Groups Scanned: (\d+) / (\d+)")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBStore]:
    """Rows of ten days, and a hundred of today."""
    store = DuckDBStore(tmp_path_factory.mktemp("kept") / "driftline.duckdb")
    with store._database.cursor() as cursor:
        for rows, start, step in (
            (OLD_GROUPS * GROUP, START, 10 * DAY // (OLD_GROUPS * GROUP)),
            (100, TODAY, SECOND),
        ):
            times = f"SELECT {start} + range * {step} AS t, range AS i FROM range({rows})"
            own = ", ".join(f"'{value}' AS {name}" for name, value in SOURCE.items())
            cursor.execute(
                "INSERT INTO predictions BY NAME"
                f" SELECT t AS received_ns, t AS time_ns, 'p' || i AS id, {own}, 'a' AS label FROM ({times})"
            )
            cursor.execute(
                "INSERT INTO labels BY NAME"
                f" SELECT t AS received_ns, t AS time_ns, 'p' || i AS prediction_id, 'a' AS label"
                f" FROM ({times})"
            )
            cursor.execute(
                f"INSERT INTO stream_windows BY NAME SELECT t AS received_ns, 's' AS stream, t AS start_ns,"
                f" t + {SECOND} AS end_ns, 1 AS predictions, 0 AS escalations, {own} FROM ({times})"
            )
        cursor.execute("CHECKPOINT")
    yield store
    store.close()


Read = Callable[[DuckDBStore], Any]
READS: dict[str, Read] = {
    "progress": lambda store: store.progress("digits", TODAY, TODAY + DAY),
    "touched": lambda store: store.touched(TODAY, 3600 * SECOND),
    "labelled": lambda store: store.labelled("digits", TODAY + DAY, TODAY + 2 * DAY),
    "escalated": lambda store: store.escalated("digits", TODAY, TODAY + DAY),
    "fleet": lambda store: store.fleet(Where(start_ns=TODAY, end_ns=TODAY + DAY)),
    "volume": lambda store: store.volume(Where(start_ns=TODAY, end_ns=TODAY + DAY), 3600 * SECOND),
    "samples": lambda store: store.samples(
        Samples(where=Where(start_ns=TODAY + DAY, end_ns=TODAY + 2 * DAY), limit=50)
    ),
    "answers_to": lambda store: store.answers_to("p1", b"0" * 16, TODAY + DAY),
}


@pytest.mark.skipif(
    duckdb.__version__.startswith("1."), reason="DuckDB 1 does not tell how many row groups it has read"
)
@pytest.mark.parametrize("name", READS)
def test_a_read_of_today_leaves_row_groups_of_earlier_days_alone(
    kept: DuckDBStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[str] = []

    def explained(query: str, *parameters: Any) -> pa.Table:
        given = (
            parameters[0] if len(parameters) == 1 and isinstance(parameters[0], dict) else list(parameters)
        )
        with kept._database.cursor() as cursor:
            cursor.execute(WITH_ARCHIVE)
            plans.append(str(cursor.sql(f"EXPLAIN ANALYZE {query}", params=given).fetchall()[0][1]))
            return cursor.sql(query, params=given).to_arrow_table()

    monkeypatch.setattr(kept, "_read", explained)
    monkeypatch.setattr(kept, "_read_by_parts", lambda query, values, _work: explained(query, values))
    READS[name](kept)
    read = [(int(scanned), int(all_of_it)) for plan in plans for scanned, all_of_it in _READ.findall(plan)]
    assert any(all_of_it >= OLD_GROUPS for _, all_of_it in read)
    assert all(scanned <= 2 for scanned, _ in read), plans


def test_all_rows_are_counted_without_reading_any(kept: DuckDBStore) -> None:
    assert kept.totals()["predictions"] == OLD_GROUPS * GROUP + 100


def test_what_group_commits_have_written_no_checkpoint_writes_again(path: Path) -> None:
    store = DuckDBStore(path)
    size = GROUP + 1000  # a group fills a row group, and begins another
    ids = np.random.default_rng(5).bytes(32 * size).hex()
    for first in (1, 1 + size):
        named = [ids[place : place + 32] for place in range(first, first + 32 * size, 32)]
        store.writer.submit(predictions("a", range(first, first + size), ids=named)).result(60)
    written = path.stat().st_size
    with store._database.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        assert path.stat().st_size < 1.3 * written
        cursor.execute("DELETE FROM predictions WHERE sequence % 10 <> 0")
        before = used(cursor)
        vacuum(cursor)
        assert used(cursor) < 0.5 * before
    store.close()


def test_one_thread_writes_the_batches_of_a_group_one_after_the_other(path: Path) -> None:
    """Several leave a rest each, which is copied once more, or copy all rows."""
    store = DuckDBStore(path)
    batches, size = 16, 8192
    with store.writer.paused() as transactions:
        transactions.commit(
            [predictions("a", range(first, first + size)) for first in range(0, batches * size, size)]
        )
    with store._database.cursor() as cursor:
        written = cursor.execute("SELECT sequence FROM main.predictions ORDER BY rowid").fetchnumpy()
        groups = cursor.execute(
            "SELECT row_group_id, max(start + count) FROM pragma_storage_info('predictions')"
            " GROUP BY row_group_id ORDER BY row_group_id"
        ).fetchall()
    assert groups == [(0, GROUP), (1, batches * size - GROUP)]
    assert (written["sequence"] == np.arange(batches * size)).all()
    store.close()


def used(cursor: duckdb.DuckDBPyConnection) -> int:
    ((blocks,),) = cursor.execute("SELECT used_blocks FROM pragma_database_size()").fetchall()
    return int(blocks)
