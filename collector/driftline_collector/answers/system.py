"""What the API answers with where it speaks of the collector itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftline_collector.answers.records import ReferenceSummary, Time
from driftline_collector.answers.silences import Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The file, its write-ahead log, and what is free on its disk, in bytes; None where there is no file."""

    path: str | None
    bytes: int | None
    wal_bytes: int | None
    disk_free: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What was accepted and is not in the database: bytes, how long the oldest of it has waited, and why.

    `set_aside` are files of rows that the database does not take, or that are another database's.
    """

    bytes: int
    oldest_s: float | None
    fault: str | None
    set_aside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Records that were turned away, or kept under another name, by signal and reason."""

    signal: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests with telemetry since the start of this process, by `protocol` (http or grpc) and `outcome`.

    Outcomes: taken, refused (can never be taken), unavailable (may come again), broken_off (by the client).
    """

    protocol: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """What came in. `committed` is rows by table since the database was made, `records` their sum.

    `lag_s` is the median time from the end of a device's window to its commit, of the latest 1,000: how far
    the collector is behind. The queue waits for a commit. `refused` was turned away; `folded` was kept, under
    `__other__` in place of a name too many. Both since the database was made.
    """

    requests: tuple[Requests, ...]
    records: int
    committed: Mapping[str, int]
    repeated: int
    refused: tuple[Refused, ...]
    folded: tuple[Refused, ...]
    queue_requests: int
    queue_bytes: int
    lag_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Predictions that devices say they made, those counted in what arrived, and what is known to be gone.

    `announced_lost`: devices said so. `in_doubt`: how many more may have been made and lost, at most, before
    power cuts. `missing`: log records and spans that were numbered and never came.
    """

    made: int
    counted: int
    announced_lost: int
    in_doubt: int
    missing: int
    repeated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """A configured rule and how many alerts it has now."""

    name: str
    measure: str
    above: float | None
    below: float | None
    severity: str
    segment: str | None
    hold_s: float
    resolve_after_s: float
    notify: tuple[str, ...] | None
    firing: int
    pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifierState:
    """A configured notifier: its latest success, what waits, what a silence holds, what failed for good."""

    name: str
    last_delivered: Time | None
    queued: int
    silenced: int
    failed: int
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindKept:
    """What a kind of data takes, in the database and in archived files, and for how long it is kept.

    `oldest` and `newest` bound what is there; `bytes_a_day` is its growth of late, None where that is not
    known yet. `kept_days` None: for good. `most_bytes` None: as much as there is room for; `days_left` until
    it takes so much, None where it has no such limit, or does not grow. `dropped_rows` went by age or size,
    `evicted_rows` of them by size, its own or that of all, within the last day.
    """

    kind: str
    rows: int
    bytes: int
    archived_rows: int
    archived_bytes: int
    files: int
    oldest: Time | None
    newest: Time | None
    bytes_a_day: float | None
    kept_days: float | None
    most_bytes: int | None
    days_left: float | None
    dropped_rows: int
    evicted_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept, and whether there is room for it.

    `state`: ample; low (less than `reserve` bytes are `free`: the kinds in `shed` are given up); full (less
    than half of that: nothing is taken). `days_left` until the reserve is touched, None where nothing grows,
    its growth is not known yet, or `most_bytes` comes first. That is what all files of the store may take, of
    which they take `bytes`; `days_until_most` until then. `kinds` is empty in a database's first minutes.
    """

    state: str
    free: int
    reserve: int
    days_left: float | None
    bytes: int
    most_bytes: int | None
    days_until_most: float | None
    shed: tuple[str, ...]
    kinds: tuple[KindKept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Whether the numbers can be trusted. `counts` are this process's own, since its start.

    `oldest` and `latest` bound the windows that are stored; `retention` says for how long data are kept,
    `keeping` what they take.
    `silences` are those that hold now and those that are still to begin.
    """

    as_of: Time
    version: str
    started: Time | None
    ready: bool
    database: Database
    ingest: Ingest
    coverage: Totals
    oldest: Time | None
    latest: Time | None
    retention: str
    keeping: Keeping | None
    rules: tuple[RuleState, ...]
    notifiers: tuple[NotifierState, ...]
    references: tuple[ReferenceSummary, ...]
    silences: tuple[Silence, ...]
    alerts_firing: int
    notifications_queued: int
    counts: Mapping[str, int]
    versions: Mapping[str, str]
    journal: Journal | None = None
