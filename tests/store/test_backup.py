"""A backup holds what had been accepted when it began, once, and is a store again."""

import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.store import backup as module
from driftline_collector.store.batch import Batch
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import ARCHIVED
from driftline_collector.store.restore import restore, verify
from driftline_collector.store.transaction import Transactions

from tests.store.batches import points, predictions
from tests.store.keeping import rewritten

HOUR_NS = 3600 * 10**9


def tar_of(store: DuckDBStore) -> bytes:
    with closing(store.backup()) as made:
        return b"".join(made.chunks())


def ids(store: DuckDBStore) -> list[str]:
    found: list[str] = store._read("SELECT id FROM predictions ORDER BY id").column("id").to_pylist()
    return found


def members(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {member.name: _content(opened, member) for member in opened}


def _content(opened: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = opened.extractfile(member)
    assert file
    return file.read()


def tarred(files: dict[str, bytes]) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    made.seek(0)
    return made


@pytest.fixture
def load(store: DuckDBStore) -> Iterator["Load"]:
    running = Load(store)
    yield running
    running.stop()


class Load:
    """Sends batches as fast as they are answered, and knows which were."""

    def __init__(self, store: DuckDBStore) -> None:
        self.answered = 0
        self._store = store
        self._stopping = threading.Event()
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.answered >= count, 60)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)

    def _run(self) -> None:
        number = 0
        while not self._stopping.is_set():
            numbers = range(number + 1, number + 201)
            sent = predictions("s", numbers, ids=[f"{n:09}" for n in numbers], label="x" * 300)
            self._store.inbox.submit(sent).result(60)
            number += 200
            with self._more:
                self.answered = number
                self._more.notify_all()


def test_under_load_all_that_was_answered_before_is_in_it_once_though_checkpoints_are_due(
    store: DuckDBStore, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_AT", "100KB")
    store._database.cursor().execute("SET checkpoint_threshold = '100KB'")
    for round_ in range(3):
        load.wait_for(load.answered + 2_000)
        before = load.answered
        with closing(store.backup()) as made:
            begun = load.answered
            chunks = made.chunks()
            head = next(chunks)
            load.wait_for(load.answered + 4_000)  # some MB of log: were they let, checkpoints would come
            tar = head + b"".join(chunks)
        path = tmp_path / f"{round_}.duckdb"
        restore(io.BytesIO(tar), path)
        with closing(DuckDBStore(path)) as again:
            found = ids(again)
        assert found == [f"{n:09}" for n in range(1, len(found) + 1)]
        assert before <= len(found) <= begun + 200


def test_after_a_backup_checkpoints_are_made_again(
    store: DuckDBStore, path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_AT", "100KB")
    store.backup().close()
    before = path.read_bytes()[:12_288]  # DuckDB's headers
    load.wait_for(load.answered + 4_000)
    store.settle()
    assert path.read_bytes()[:12_288] != before


def test_a_restored_store_gives_the_same_answers_and_knows_what_comes_again(
    store: DuckDBStore, tmp_path: Path
) -> None:
    store.inbox.submit(predictions("a", [1, 2, 3])).result(60)
    store.inbox.submit(points("a", 0, HOUR_NS, {"7": 5})).result(60)
    restored = restore(io.BytesIO(tar_of(store)), tmp_path / "again.duckdb")
    assert restored.rows["predictions"] == 3
    with closing(DuckDBStore(tmp_path / "again.duckdb")) as again:
        assert again.device_counts("digits", 0, HOUR_NS).equals(store.device_counts("digits", 0, HOUR_NS))
        assert again.coverage(0, HOUR_NS).equals(store.coverage(0, HOUR_NS))
        again.inbox.submit(predictions("a", [2, 3, 4])).result(60)
        again.inbox.submit(points("a", 0, HOUR_NS, {"7": 5})).result(60)
        assert ids(again) == ["a-1", "a-2", "a-3", "a-4"]
        assert again.totals()["repeated"] == 3


def test_closed_days_in_the_archive_are_in_it_also_where_they_are_replaced_meanwhile(
    store: DuckDBStore, tmp_path: Path
) -> None:
    store.inbox.submit(predictions("a", [1, 2, 3])).result(60)
    store.settle()
    table = next(table for table in ARCHIVED if table.name == "predictions")
    assert store.archive.move(table, "1970-01-01", "digits", 1 << 62) == 3
    with closing(store.backup()) as made:
        (file,) = store.archive.files("predictions")
        with store.archive.lock:
            store.archive.swap([rewritten(store, file, "id <> 'a-2'")], [file])
        tar = b"".join(made.chunks())
        assert (store.archive.folder / file.place).exists()
    assert not (store.archive.folder / file.place).exists()
    assert ids(store) == ["a-1", "a-3"]
    assert restore(io.BytesIO(tar), tmp_path / "again.duckdb").rows["predictions"] == 3
    with closing(DuckDBStore(tmp_path / "again.duckdb")) as again:
        assert ids(again) == ["a-1", "a-2", "a-3"]


def test_what_a_restored_store_lacks_is_told(store: DuckDBStore, tmp_path: Path) -> None:
    for stream, device in (("a", "cam-1"), ("b", "cam-2"), ("c", "cam-2")):
        store.inbox.submit(points(stream, 0, HOUR_NS, {"7": 5}, device=device)).result(60)
    tar = tar_of(store)
    restored = restore(io.BytesIO(tar), tmp_path / "again.duckdb")
    assert (restored.streams, restored.devices) == (3, 2)
    assert restored.made == json.loads(members(tar)["manifest.json"])["made"]
    assert restored.latest
    assert restored.latest <= restored.made <= datetime.now(UTC).isoformat()
    assert restored.age_s >= 0


def test_two_backups_at_once_are_refused(store: DuckDBStore) -> None:
    with closing(store.backup()), pytest.raises(StoreError, match="another backup is being made"):
        store.backup()
    tar_of(store)  # and when it is closed, the next may come


def test_a_backup_that_lets_the_log_grow_too_large_is_broken_off(
    store: DuckDBStore, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LOG_BYTES", 10_000)
    load.wait_for(1_000)
    with closing(store.backup()) as made:
        chunks = made.chunks()
        load.wait_for(load.answered + 1_000)
        with pytest.raises(StoreError, match="needs a checkpoint; make it on the collector's own machine"):
            list(chunks)


def test_while_the_database_does_not_commit_there_is_no_backup(
    store: DuckDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Transactions, batches: list[Batch], applied: int | None = None) -> None:
        raise duckdb.IOException("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "commit", broken)
        store.inbox.submit(predictions("a", [1])).result(60)
        with pytest.raises(StoreError, match="no space left on device"), store.writer.paused(1.0):
            pass
    assert store.writer.wait_for_room(0, 10)
    assert ids(store) == ["a-1"]


# -- restoring -----------------------------------------------------------------------------------------
def test_nothing_is_restored_over_a_database_that_is_there_but_by_force(
    store: DuckDBStore, tmp_path: Path
) -> None:
    tar = tar_of(store)
    place = tmp_path / "there.duckdb"
    with closing(DuckDBStore(place)) as there:
        there.inbox.submit(predictions("own", [1])).result(60)
        with pytest.raises(StoreError, match="there is a database already"):
            restore(io.BytesIO(tar), place)
    done = restore(io.BytesIO(tar), place, force=True)
    assert done.replaced
    with closing(DuckDBStore(done.replaced)) as aside, closing(DuckDBStore(place)) as now:
        assert ids(aside) == ["own-1"]
        assert ids(now) == []


def _damaged(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "database": files["database"][:-1] + b"x"}


def _without_manifest(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "manifest.json"}


def _told(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    manifest = json.loads(files["manifest.json"])
    return {**files, "manifest.json": json.dumps({**manifest, **changes}).encode()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_damaged, "is damaged: database differs from its manifest"),
        (_without_manifest, "breaks off before its manifest"),
        (lambda files: _told(files, format="other 9"), "'other 9' is not known here"),
        (lambda files: _told(files, schema=999), "tables are of version 999"),
        (lambda files: _told(files, rows={"predictions": 2}), "predictions has 1 rows, not 2"),
        (lambda files: {"../evil": b"", **files}, "../evil: a backup by driftline has no such file"),
        (lambda files: {"archive/../../evil": b"", **files}, "has no such file"),
    ],
)
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(
    store: DuckDBStore, tmp_path: Path, change: Any, message: str
) -> None:
    store.inbox.submit(predictions("a", [1])).result(60)
    files = change(members(tar_of(store)))
    target = tmp_path / "empty"
    target.mkdir()
    with pytest.raises(StoreError, match=message):
        restore(tarred(files), target / "again.duckdb")
    assert not list(target.iterdir())
    assert not (tmp_path / "evil").exists()


def test_a_backup_that_breaks_off_anywhere_is_refused(store: DuckDBStore) -> None:
    tar = tar_of(store)
    whole = len(tar.rstrip(b"\0"))
    for end in (0, 100, 512, 5_000, whole // 2, whole - 100):
        with pytest.raises(StoreError, match="backup"):
            verify(io.BytesIO(tar[:end]))
    assert verify(io.BytesIO(tar))["rows"]["predictions"] == 0
