import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from driftline_collector.errors import StoreError
from driftline_collector.settings import StoreSettings
from driftline_collector.store.database import MEMORY_BYTES, migrations, open_database
from driftline_collector.store.duckdb import DuckDBStore

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_process_holds_is_refused_by_that_process_number(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=rf"process {holder.pid} .*holds this database.*store\.path"):
            DuckDBStore(path)
        holder.stdin.close()
    DuckDBStore(path).close()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the folder .*nowhere does not exist"):
        open_database(tmp_path / "nowhere" / "driftline.duckdb")


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_bytes(b"no database" * 5000)
    with pytest.raises(StoreError, match="not a DuckDB database; move it away"):
        open_database(path)
    assert path.read_bytes() == b"no database" * 5000


def test_a_file_of_a_newer_driftline_is_refused(path: Path) -> None:
    with open_database(path) as connection:
        connection.execute("INSERT INTO schema_versions VALUES (9999, '9999_later.sql')")
    with pytest.raises(StoreError, match="written by a newer driftline: upgrade"):
        open_database(path)


def test_migrations_are_applied_once_and_in_order(path: Path) -> None:
    for _ in range(2):
        with open_database(path) as connection:
            applied = connection.execute(
                "SELECT version, name FROM schema_versions ORDER BY rowid"
            ).fetchall()
            assert applied == [(version, migrations()[version][0]) for version in sorted(migrations())]


def test_a_file_of_the_first_version_is_brought_forward(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE schema_versions (version INTEGER NOT NULL, name VARCHAR NOT NULL)")
        connection.execute(migrations()[1][1])
        connection.execute("INSERT INTO schema_versions VALUES (1, '0001_initial.sql')")
    with open_database(path) as connection:
        assert connection.execute("SELECT max(version) FROM schema_versions").fetchall() == [
            (max(migrations()),)
        ]


def test_windows_of_before_are_told_their_own_segments(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE schema_versions (version INTEGER NOT NULL, name VARCHAR NOT NULL)")
        for version in (number for number in sorted(migrations()) if number < 14):
            name, statements = migrations()[version]
            connection.execute(statements)
            connection.execute("INSERT INTO schema_versions VALUES (?, ?)", [version, name])
        for stream, segment in (("a", "MAP {'line': 'A3'}"), (None, "MAP {'line': 'A1'}"), ("c", "NULL")):
            connection.execute(
                f"""
                INSERT INTO profiles (received_ns, start_ns, end_ns, stream, model, version, device,
                    device_type, region, tier, feature, kind, counts, segment)
                VALUES (1, 0, 60, $stream, 'm', '1', coalesce($stream, 'b'), 'x', 'y', 'z', 'f', 'missing',
                    [1], {segment})
                """,
                {"stream": stream},
            )
        connection.execute(
            """
            INSERT INTO stream_windows (received_ns, stream, device, start_ns, end_ns, predictions, model)
            VALUES (1, 'a', 'a', 0, 60, 1, 'm'), (1, '', 'b', 0, 60, 1, 'm'), (1, 'c', 'c', 0, 60, 1, 'm')
            """
        )
    with open_database(path) as connection:
        told = connection.execute("SELECT device, segment['line'] FROM stream_windows ORDER BY device")
        assert told.fetchall() == [("a", "A3"), ("b", "A1"), ("c", None)]


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(path).close()
    broken = migrations() | {
        9998: ("9998_broken.sql", "CREATE TABLE half (a INTEGER); SELECT no_such_thing()")
    }
    monkeypatch.setattr("driftline_collector.store.database.migrations", lambda: broken)
    with pytest.raises(StoreError, match=r"9998_broken\.sql failed, nothing was changed"):
        open_database(path)
    with duckdb.connect(path) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        assert ("half",) not in tables


def test_files_are_of_the_long_term_releases_format(path: Path) -> None:
    with open_database(path) as connection:
        (tags,) = connection.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchall()[0]
    assert tags["storage_version"].startswith("v1.5")


def test_the_database_keeps_to_its_share_of_memory_and_puts_the_rest_beside_its_file(path: Path) -> None:
    with open_database(path, memory=32 * 10**6) as connection:
        assert connection.execute("SELECT current_setting('memory_limit')").fetchall() == [("30.5 MiB",)]
        # More than that has to be sorted.
        rows = "SELECT range AS i, hash(range) AS h FROM range(3_000_000)"
        connection.execute(f"SELECT i FROM ({rows}) ORDER BY h OFFSET 2_999_999").fetchall()
    assert StoreSettings().memory == MEMORY_BYTES
