"""From what the doctor saw to what is wrong: each finding with what to do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from driftline_collector.answers.doctor import Clock, Doctor, Finding
from driftline_collector.api.diagnosis_storage import EXAMPLES, stored
from driftline_collector.api.values import moment
from driftline_collector.store.amounts import many, span

_SEVERITIES = ("error", "warning", "note")
#: A device's clock that is further off than this puts its data into the wrong windows.
SKEW_S = 60.0
#: A device may wait this long before it sends, and its clock be right.
LATE_S = 900.0
_QUIET_S = 900.0
_SLOW_S = 2.0
_COMPLETE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen beside the answer: silent devices with their last word (ns), longest ago first.

    `returned` are retired devices that report, `failed` messages of the last day that no notifier took,
    `unreferenced` model versions without a reference, `behind` models whose windows wait to be judged, and
    for how many seconds, `left_out` segments of the user's own that are not judged, and why.
    """

    now_ns: int
    ready: bool
    expected: int
    silent: Sequence[tuple[str, int]]
    returned: Sequence[str]
    received_ns: int | None
    failed: int
    unreferenced: Sequence[str]
    behind: Sequence[tuple[str, float]]
    left_out: Sequence[str]


def concluded(found: Doctor, seen: Seen) -> Doctor:
    """The answer with its findings, the worst first."""
    looks: tuple[Callable[[Doctor, Seen], Iterator[Finding]], ...] = (
        _ready,
        _quiet,
        _silent,
        _clocks,
        _lost,
        _refused,
        _told,
        _segments,
        _late,
        _slow,
    )
    findings = [*stored(found), *(finding for look in looks for finding in look(found, seen))]
    return replace(found, findings=tuple(sorted(findings, key=lambda each: _SEVERITIES.index(each.severity))))


def is_wrong(clock: Clock) -> bool:
    """Whether a device's clock, and not its uplink, is the fault."""
    offset = clock.offset_s
    if clock.future_windows or (offset is not None and offset > SKEW_S):
        return True
    # Nothing waits on the device, so what came last is fresh; and yet it looks old.
    at_once = clock.spool_age_s is not None and clock.spool_age_s < SKEW_S
    return offset is not None and offset < -LATE_S and at_once


def _ready(_: Doctor, seen: Seen) -> Iterator[Finding]:
    if not seen.ready:
        yield Finding(
            severity="error",
            code="not_ready",
            text="The collector is starting or stopping, and takes nothing.",
            advice="Ask again in a few seconds; if it stays so, read its log.",
        )


def _quiet(found: Doctor, seen: Seen) -> Iterator[Finding]:
    if seen.received_ns is None:
        yield Finding(
            severity="note",
            code="empty",
            text="Nothing was ever received.",
            advice="Point a device here: endpoint= of its Monitor, or OTEL_EXPORTER_OTLP_ENDPOINT.",
        )
        return
    ago = (seen.now_ns - seen.received_ns) / 1e9
    if ago > _QUIET_S and found.running and seen.expected:
        yield Finding(
            severity="error",
            code="nothing_arrives",
            text=f"Nothing has arrived for {span(ago)}.",
            advice="See whether devices reach this address: names, firewall, certificate, forwarder.",
        )
    elif ago < -SKEW_S:
        yield Finding(
            severity="warning",
            code="clock_set_back",
            text=f"This machine's clock was set back: the latest rows came {span(-ago)} from now.",
            advice="Let NTP set it. Nothing is lost meanwhile, but windows are judged late.",
        )


def _silent(_: Doctor, seen: Seen) -> Iterator[Finding]:
    if seen.silent:
        every = len(seen.silent) == seen.expected and seen.expected > 1
        verb = "is" if len(seen.silent) == 1 else "are"
        yield Finding(
            severity="error" if every else "warning",
            code="silent_devices",
            text=f"{len(seen.silent):,} of {many(seen.expected, 'device')} {verb} silent."
            if not every
            else f"All {seen.expected:,} devices are silent.",
            advice="Look at what lies between them and here first: all at once is seldom the devices."
            if every
            else "See to them; one that will not come back: driftline devices retire DEVICE.",
            examples=tuple(f"{device} since {_clock(last)}" for device, last in seen.silent[:EXAMPLES]),
        )
    if seen.returned:
        yield Finding(
            severity="warning",
            code="retired_devices_report",
            text=f"Retired, and yet reporting: {many(len(seen.returned), 'device')}.",
            advice="Switch them off, or take it back: driftline devices return DEVICE.",
            examples=tuple(seen.returned[:EXAMPLES]),
        )


def _clocks(found: Doctor, _: Seen) -> Iterator[Finding]:
    if not found.clocks:
        return
    future = [clock for clock in found.clocks if clock.future_windows]
    windows = sum(clock.future_windows for clock in future)
    aside = (
        f" {many(windows, 'window')} of the last day lie in the future, and are not judged." if future else ""
    )
    yield Finding(
        severity="warning",
        code="clocks_wrong",
        text=f"The clock of {many(len(found.clocks), 'device')} is wrong.{aside}",
        advice="Let NTP set them: what they measure is put into the wrong windows.",
        examples=tuple(_offset(clock) for clock in found.clocks[:EXAMPLES]),
    )


def _offset(clock: Clock) -> str:
    if clock.offset_s is None:
        return f"{clock.device}: {many(clock.future_windows, 'window')} in the future"
    way = "ahead" if clock.offset_s > 0 else "behind"
    return f"{clock.device}: {span(abs(clock.offset_s))} {way}"


def _lost(found: Doctor, _: Seen) -> Iterator[Finding]:
    whole = found.coverage
    if not whole.lost or whole.share is None:
        return
    yield Finding(
        severity="warning" if whole.share < _COMPLETE else "note",
        code="predictions_lost",
        text=f"{many(whole.lost, 'prediction')} of {whole.made:,} made in the last 24 hours did not arrive"
        f" ({100 * whole.share:.3f} % did).",
        advice="Devices lose what does not fit into their spool, and what they hold when they are killed:"
        " driftline doctor --by device --by hour shows whose and when.",
        examples=tuple(
            f"{each.by['device']}: {each.lost:,} of {each.made:,}" for each in found.incomplete[:EXAMPLES]
        ),
    )


def _refused(found: Doctor, _: Seen) -> Iterator[Finding]:
    if refused := sum(each.count for each in found.refused):
        yield Finding(
            severity="warning",
            code="records_refused",
            text=f"Refused in the last 24 hours: {many(refused, 'record')}.",
            advice="Their senders were told why; mend what sends them. docs/otlp.md says what is taken.",
            examples=tuple(
                f"{each.signal}: {each.reason} ({each.count:,})" for each in found.refused[:EXAMPLES]
            ),
        )


def _told(_: Doctor, seen: Seen) -> Iterator[Finding]:
    if seen.failed:
        yield Finding(
            severity="warning",
            code="messages_failed",
            text=f"Messages about alerts that reached nobody in the last 24 hours: {seen.failed:,}.",
            advice="Try the notifiers: driftline alerts test.",
        )
    if seen.unreferenced:
        yield Finding(
            severity="note",
            code="no_reference",
            text=f"Drift is not judged without a reference: {many(len(seen.unreferenced), 'model version')}.",
            advice="Register one: driftline reference register FILE.",
            examples=tuple(seen.unreferenced[:EXAMPLES]),
        )


def _segments(_: Doctor, seen: Seen) -> Iterator[Finding]:
    if seen.left_out:
        yield Finding(
            severity="note",
            code="segments_left_out",
            text=f"Segments of your own that are sent and not judged: {len(seen.left_out)}.",
            advice="Say which are to be judged: evaluation.segments. Each should have few values, and many"
            " devices with each of them.",
            examples=tuple(seen.left_out[:EXAMPLES]),
        )


def _late(_: Doctor, seen: Seen) -> Iterator[Finding]:
    if seen.behind:
        longest = max(waits for _, waits in seen.behind)
        yield Finding(
            severity="warning",
            code="verdicts_late",
            text=f"Windows that have closed are not judged yet, for {span(longest)} now: alerts come late.",
            advice="This machine has too little time for all it is asked: a longer evaluation.window, fewer"
            " segments or a quicker machine help; if it is not busy, read the collector's log.",
            examples=tuple(f"{model}: {span(waits)}" for model, waits in seen.behind[:EXAMPLES]),
        )


def _slow(found: Doctor, _: Seen) -> Iterator[Finding]:
    slow = [read for read in found.slowest if read.p99_s > _SLOW_S]
    if slow:
        yield Finding(
            severity="note",
            code="slow_queries",
            text=f"Queries that take more than {span(_SLOW_S)}: {len(slow)}.",
            advice="Ask for a shorter time, give the database more memory (store.memory), or keep less.",
            examples=tuple(
                f"{read.name}: p99 {read.p99_s:.1f} s of {read.count:,}" for read in slow[:EXAMPLES]
            ),
        )


def _clock(ns: int) -> str:
    return f"{moment(ns)[:16].replace('T', ' ')} UTC"
