"""Years in minutes: earlier days of a seeded fleet, made by SQL in the store's own schema.

Every earlier day has as many predictions as any other, evenly over time and devices, one label for a hundred
of them, windows and profiles of each device, and the evaluations of the last day. The day before the fleet's
begins is in the database, as it would be; the others are Parquet files, written by the archive's own code,
with profiles summed to hours, as retention leaves them. Ids are UUIDv7, features have three decimals.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from driftline_collector.store.duckdb import DuckDBStore
from driftline_collector.store.kinds import DAY_NS

from tests.seeding import Fleet
from tests.seeding.samples import FEATURE_SET

DAYS = 30
HOUR_NS = 3600 * 10**9
REPORT_NS = 300 * 10**9
_BINS = 22
_MEMORY_BYTES = 2 * 10**9
_NUMBER = "round(random() + random() + random() - 1.5, 3)"
_OWN = "stream, model, version, device, device_type, region, tier, firmware"

#: Rows of a day from `start`: `rows` of them, each `step` ns after the one before.
_PREDICTIONS = f"""
SELECT time_ns + 2000000000 AS received_ns, time_ns, stream, CAST(i // devices AS BIGINT) AS sequence,
       printf('%08x-%04x-7%03x-8%03x-%012x', time_ns // 1000000 >> 16, time_ns // 1000000 & 65535,
              i & 4095, i >> 12 & 4095, CAST(random() * 281474976710655 AS BIGINT)) AS id,
       {_OWN.removeprefix("stream, ")}, CAST(CAST(random() * 9 AS INTEGER) AS VARCHAR) AS label,
       round(1 - random() * random(), 4) AS score, round(0.02 + random() / 50, 4) AS duration,
       0.02 AS probability, ['random'] AS reasons, {FEATURE_SET} AS feature_set,
       [{{numbers}}] AS numbers, [CASE i % 3 WHEN 0 THEN 'day' WHEN 1 THEN 'dusk' ELSE 'night' END] AS texts
FROM (SELECT range AS i, $start + range * $step AS time_ns, range % $devices AS place, $devices AS devices
      FROM range($rows)) JOIN members USING (place)
"""
_LABELS = """
SELECT time_ns + 7200000000000 AS received_ns, time_ns + 7190000000000 AS time_ns, id AS prediction_id, label,
       'human' AS source
FROM ({predictions}) WHERE sequence % 100 = 0 AND time_ns % 86400000000000 < 79000000000000
"""
_WINDOWS = f"""
SELECT $start + (w + 1) * $width + 1000000000 AS received_ns, $start + w * $width AS start_ns,
       $start + (w + 1) * $width AS end_ns, {_OWN}, 20 * $width // {REPORT_NS} AS predictions,
       2 * $width // {REPORT_NS} AS escalations
FROM members, (SELECT range AS w FROM range({DAY_NS} // $width))
"""
_PROFILES = f"""
SELECT windows.* EXCLUDE (predictions, escalations), $binning AS binning, feature, kind, category,
       CASE WHEN kind = 'numeric' THEN list_transform(range({_BINS}), lambda b: CAST(random() * 2 AS BIGINT))
            WHEN kind = 'escalations' THEN [escalations] ELSE [predictions // 10] END AS counts
FROM ({_WINDOWS}) AS windows, features
"""
_EVALUATIONS = """
INSERT INTO evaluations BY NAME
SELECT * EXCLUDE (shift) REPLACE (
    evaluated_ns - shift AS evaluated_ns, window_start_ns - shift AS window_start_ns,
    window_end_ns - shift AS window_end_ns, since_ns - shift AS since_ns)
FROM evaluations, (SELECT (range + 1) * 86400000000000 AS shift FROM range($days))
"""

Say = Callable[[str], None]


def add_history(database: Path, fleet: Fleet, predictions: int, say: Say) -> None:
    """Put so many predictions of earlier days, and what goes with them, into the store of a seeded fleet."""
    rows = predictions // DAYS
    first = fleet.start_ns - fleet.start_ns % DAY_NS - DAYS * DAY_NS
    with duckdb.connect(database) as connection:
        _register(connection, fleet)
        connection.execute(_EVALUATIONS, {"days": DAYS})
        for table, query, values in _day(fleet, first + (DAYS - 1) * DAY_NS, rows, REPORT_NS):
            connection.execute(f"INSERT INTO {table} BY NAME {query}", values)
    store = DuckDBStore(database, memory=_MEMORY_BYTES)
    try:
        _register(store.archive.cursor, fleet)  # whose temporary tables its queries see
        for day in range(DAYS - 1):
            start = first + day * DAY_NS
            name = dt.datetime.fromtimestamp(start / 10**9, dt.UTC).date().isoformat()
            files = []
            for table, query, values in _day(fleet, start, rows, HOUR_NS):
                model = None if table == "labels" else fleet.model_name
                width = HOUR_NS if table == "profiles" else 0
                whole = f"SELECT * FROM main.{table} WHERE false UNION ALL BY NAME {query}"
                files.append(store.archive.write(table, name, model, whole, values, width_ns=width))
            store.archive.swap(files, [])
            say(f"{name}: {sum(file.rows for file in files)} rows")
    finally:
        store.close()


def _day(fleet: Fleet, start: int, rows: int, width: int) -> list[tuple[str, str, dict[str, object]]]:
    """Table, query and values of all rows of a day."""
    numbers = ", ".join([_NUMBER] * (len(fleet.feature_names) - 1))
    own: dict[str, object] = {"start": start, "step": DAY_NS // rows, "rows": rows, "devices": fleet.devices}
    windows: dict[str, object] = {"start": start, "width": width}
    made = _PREDICTIONS.format(numbers=numbers)
    return [
        ("predictions", made, own),
        ("labels", _LABELS.format(predictions=_PREDICTIONS.format(numbers="0.0")), own),
        ("stream_windows", _WINDOWS, windows),
        ("profiles", _PROFILES, windows | {"binning": "history"}),
    ]


def _register(connection: duckdb.DuckDBPyConnection, fleet: Fleet) -> None:
    """Temporary tables: the members, and what a profile is of."""
    names = ("stream", "version", "device_type", "region", "tier", "firmware")
    members = pa.table(
        {name: [getattr(member, name) for member in fleet.members] for name in names}
        | {"device": [member.name for member in fleet.members], "place": range(fleet.devices)}
        | {"model": [fleet.model_name] * fleet.devices}
    )
    features = pa.Table.from_pylist(
        [{"feature": name, "kind": "numeric", "category": None} for name in fleet.feature_names[:-1]]
        + [{"feature": "__label__", "kind": "predictions", "category": str(digit)} for digit in range(10)]
        + [{"feature": "__duration__", "kind": "numeric", "category": None}]
        + [{"feature": "__label__", "kind": "escalations", "category": "score"}]
    )
    for name, table in {"arrived_members": members, "arrived_features": features}.items():
        connection.register(name, table)
        connection.execute(f"CREATE TEMP TABLE {name.removeprefix('arrived_')} AS FROM {name}")
        connection.unregister(name)
