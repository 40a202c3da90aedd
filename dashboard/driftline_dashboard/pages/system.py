"""System: can I trust these numbers?"""

from collections import Counter

import streamlit as st
from driftline_collector.client import Journal, System

from driftline_dashboard import address, alerting, collector, keeping, layout, shell, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.layout import Tile

# Below this much of a disk left, a database that grows ends in hours.
_SCARCE_BYTES = 2 * 10**9
# What was accepted is in the database within seconds, unless something is wrong.
_LATE_S = 30.0
_OUTCOMES = {
    "taken": "taken",
    "refused": "refused",
    "unavailable": "to come again",
    "broken_off": "broken off",
}


def draw() -> None:
    """Draw the page."""
    view = shell.begin("system", pickers=(), without_model=True)
    if view is None:
        return
    _headline(view.model)
    _tiles()
    _kept()
    left, right = st.columns(2, gap="large")
    with left:
        _rules()
        _notifiers()
        _versions()
    with right:
        _references()
        _arrived()
    _copy()


def _asked() -> Answer[System]:
    return collector.system()


@layout.card(height=72)
def _headline(model: str | None) -> None:
    answer = _asked()
    if answer.value is None:
        shell.title("Whether these numbers can be trusted is not known")
        layout.settled(answer, "System")
    else:
        sentence, sign = title(answer.value)
        shell.title(sentence, lead=sign)
    if model is None:
        layout.note("No device has reported yet.")
    else:
        shell.freshness(collector.overview(model))


def title(found: System) -> tuple[str, str]:
    """The verdict: the first thing that stands in the way of trust, and the sign before it."""
    free, room = found.database.disk_free, found.keeping
    if not found.ready:
        return "The collector is starting: its numbers are those of before", "!"
    if room is not None and room.state != "ample":
        full = room.state == "full"
        what = "nothing is taken" if full else f"given up are {', '.join(room.shed) or 'no kinds'}"
        return (
            f"The disk is {'full' if full else 'nearly full'}, and {what}: {words.size(room.free)} free",
            "!",
        )
    if free is not None and free < _SCARCE_BYTES:
        return f"The disk is nearly full: {words.size(free)} free", "!"
    if found.journal is not None and found.journal.fault is not None:
        waiting = words.size(found.journal.bytes)
        return f"The database takes nothing in, and {waiting} wait in the journal: {found.journal.fault}", "!"
    failing = [notifier.name for notifier in found.notifiers if notifier.failed]
    if failing:
        return f"Messages to {', '.join(failing)} have failed", "!"
    refused, lost = sum(each.count for each in found.ingest.refused), _lost(found)
    if not refused and not found.ingest.records:
        return "The collector is ready, and has received nothing yet", ""
    if not refused and not lost:
        return "These numbers are complete: nothing is lost and nothing was refused", ""
    parts = []
    if lost:
        total = found.coverage.counted + lost
        what = words.counted(lost, "prediction")
        parts.append(f"{what} of {words.count(total)} ({words.share(lost / total)}) lost")
    parts.append(f"{words.counted(refused, 'record')} refused" if refused else "nothing refused")
    return f"These numbers are not complete: {', '.join(parts)}", "!"


def _lost(found: System) -> int:
    return found.coverage.announced_lost + found.coverage.missing


@layout.card(height=84)
def _tiles() -> None:
    found = layout.settled(_asked(), "System")
    if found is None:
        return
    ingest, database, coverage = found.ingest, found.database, found.coverage
    refused = sum(each.count for each in ingest.refused)
    requests: Counter[str] = Counter()
    for each in ingest.requests:
        requests[each.outcome] += each.count
    shown = [
        Tile(
            name="Queue",
            value=words.counted(ingest.queue_requests, "request"),
            detail=f"{words.size(ingest.queue_bytes)} wait for a commit",
        ),
        Tile(name="Requests", value=words.count(sum(requests.values())), detail=_outcomes(requests)),
        Tile(
            name="Refused",
            value=words.count(refused),
            detail=f"records; {words.count(ingest.records)} rows committed",
            sign="!" if refused else "",
        ),
        Tile(
            name="Lost",
            value=words.count(_lost(found)),
            detail=f"{words.count(coverage.announced_lost)} told by devices, "
            f"{words.count(coverage.missing)} missing; "
            + (f"{words.count(coverage.in_doubt)} more at most, in power cuts; " if coverage.in_doubt else "")
            + f"{words.count(coverage.counted)} counted",
            sign="!" if _lost(found) else "",
        ),
        Tile(name="Sent twice", value=words.count(coverage.repeated), detail="recognised, counted once"),
    ]
    if ingest.lag_s is not None:
        lag = Tile(name="Ingest lag", value=words.duration(ingest.lag_s), detail="from device to database")
        shown.insert(0, lag)
    if found.journal is not None:
        shown.insert(1, _journal(found.journal))
    if database.bytes is not None:
        free = "" if database.disk_free is None else f", {words.size(database.disk_free)} free"
        shown.append(
            Tile(
                name="Storage",
                value=words.size(database.bytes),
                detail=f"and {words.size(database.wal_bytes)} of log{free}",
                sign="!" if database.disk_free is not None and database.disk_free < _SCARCE_BYTES else "",
            )
        )
    layout.tiles(shown)


def _journal(journal: Journal) -> Tile:
    """What was accepted and the database has yet to take in: mostly nothing that is older than seconds."""
    waits = "" if journal.oldest_s is None else f", the oldest for {words.duration(journal.oldest_s)}"
    late = journal.fault is not None or (journal.oldest_s or 0.0) > _LATE_S
    return Tile(
        name="Journal",
        value=words.size(journal.bytes),
        detail=f"wait for the database{waits}",
        sign="!" if late else "",
    )


def _outcomes(requests: Counter[str]) -> str:
    """`1,204 taken, 3 to come again since its start`."""
    parts = [f"{words.count(requests[name])} {said}" for name, said in _OUTCOMES.items() if requests[name]]
    return f"{', '.join(parts) or 'none'} since its start"


@layout.card(height=160)
def _kept() -> None:
    found = _asked().value
    if found is not None:
        keeping.kinds(found)


@layout.card(height=160)
def _rules() -> None:
    found = _asked().value
    if found is not None:
        alerting.rules(found)


@layout.card(height=120)
def _notifiers() -> None:
    found = _asked().value
    if found is not None:
        alerting.notifiers(found)
        alerting.silences(found)


@layout.card(height=160)
def _references() -> None:
    found = _asked().value
    if found is None:
        return
    layout.section("References", "What drift is measured against: the latest of each model version.")
    if not found.references:
        layout.empty(
            "There is no reference, so nothing can be said to have moved.",
            "Make one from the data that the model was validated on, and register it:",
            "driftline reference register digits-2.1.0.reference.json",
        )
        return
    now = words.parse_time(found.as_of)
    layout.table(
        ("Model", "Version", "Rows", "Features", "Registered (UTC)"),
        [
            (
                each.model,
                each.version,
                words.count(each.rows),
                words.count(len(each.features)),
                words.clock(words.parse_time(each.registered), today=now),
            )
            for each in found.references
        ],
        numbers=(2, 3),
        says="References with their rows and features",
    )


@layout.card(height=160)
def _arrived() -> None:
    found = _asked().value
    if found is None:
        return
    if found.ingest.refused:
        layout.section("Refused", "Since the database was made; senders were told why.")
        layout.table(
            ("Signal", "Why", "Records"),
            [
                (each.signal, each.reason.replace("_", " "), words.count(each.count))
                for each in found.ingest.refused
            ],
            numbers=(2,),
            says="Refused records by signal and reason",
        )
    if found.ingest.folded:
        layout.section(
            "Folded", "Kept, under __other__: there are more names than have a place of their own."
        )
        layout.table(
            ("Signal", "What", "Records"),
            [
                (each.signal, each.reason.partition(": ")[2], words.count(each.count))
                for each in found.ingest.folded
            ],
            numbers=(2,),
            says="Folded records by signal and kind of name",
        )
    layout.section("Rows committed", "Since the database was made.")
    rows = sorted(found.ingest.committed.items(), key=lambda item: -item[1])
    if not any(count for _, count in rows):
        layout.note("None yet.")
        return
    layout.table(
        ("Table", "Rows"),
        [(name.replace("_", " "), words.count(count)) for name, count in rows if count],
        numbers=(1,),
        says="Rows by table",
    )


@layout.card(height=120)
def _versions() -> None:
    found = _asked().value
    if found is None:
        return
    started = words.clock(words.parse_time(found.started), today=words.parse_time(found.as_of))
    layout.section("Collector", f"Started at {started} UTC, at {address.collector_url()}.")
    rest = [(name, text) for name, text in found.versions.items() if name != "driftline"]
    rows = [("driftline", found.version), *rest]
    if found.database.path is not None:
        rows.append(("database", found.database.path))
    layout.table(("Part", "Version"), rows, says="Versions of the collector's parts")


@layout.card(height=90, live=False)
def _copy() -> None:
    layout.section("For a report", "All of this as one document; it holds no measured data.")
    st.code(f"curl -s {address.collector_url()}/api/v1/system", language=None, wrap_lines=True)
