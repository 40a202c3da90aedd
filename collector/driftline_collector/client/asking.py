"""The typed client: a method for each thing that can be asked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from driftline_collector.answers.cases import AlertDetail, PredictionDetail, Sample
from driftline_collector.answers.coverage import CoverageGroup
from driftline_collector.answers.devices import Device, DeviceChange, DeviceDetail, DeviceSeries
from driftline_collector.answers.doctor import Doctor
from driftline_collector.answers.keeping import AuditEntry, Purge
from driftline_collector.answers.pictures import Distribution, Heatmap, Performance, Series, TierLatency
from driftline_collector.answers.records import (
    Alert,
    Evaluation,
    LabelsTaken,
    Model,
    Notification,
    Overview,
    Page,
    ReferenceSummary,
    SegmentState,
)
from driftline_collector.answers.silences import Silence
from driftline_collector.answers.system import System
from driftline_collector.client.reading import read, read_all
from driftline_collector.client.transport import ARROW, Filter, Transport
from driftline_collector.errors import ClientError

Record = TypeVar("Record")


class Client:
    """Asks a collector. Methods raise ClientError, which says what to do; any thread may call them.

    `filters` are the API's query parameters: model, version, type, region, tier, segment (a key, which the
    four override), feature, from, to, limit, cursor. `start`, `end` and `device_type` stand for from, to and
    type. Times: RFC 3339, ns since the epoch, or `6h` for so long ago. None leaves a filter out.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._transport = Transport(url, timeout_s=timeout_s, http=transport)
        self.url = self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    # -- how things stand -------------------------------------------------------------------------------
    def overview(self, **filters: Filter) -> Overview:
        """Whether anything needs somebody: alerts, the grid of types × regions, and the totals."""
        return self._one(Overview, "/overview", filters)

    def models(self, **filters: Filter) -> Page[Model]:
        """Every model that devices have spoken of, with its versions."""
        return self._page(Model, "/models", filters)

    def segments(self, **filters: Filter) -> Page[SegmentState]:
        """The segments that were judged in the model's latest window."""
        return self._page(SegmentState, "/segments", filters)

    def evaluations(self, **filters: Filter) -> Page[Evaluation]:
        """Evaluated numbers, latest window first (also by `measure`, `verdict`, `findings`)."""
        return self._page(Evaluation, "/evaluations", filters)

    def findings(self, **filters: Filter) -> Page[Evaluation]:
        """Where drift is, in each model's latest window, or between `from` and `to`."""
        return self._page(Evaluation, "/findings", filters)

    def system(self) -> System:
        """Whether the numbers can be trusted."""
        return self._one(System, "/system", {})

    def doctor(self) -> Doctor:
        """What is wrong, worst first, each with what to do."""
        return self._one(Doctor, "/doctor", {})

    def coverage(self, **filters: Filter) -> dict[str, Any]:
        """What was counted, lost and repeated: `totals`, and `streams`."""
        return self._transport.get("/coverage", filters)

    def coverage_groups(self, by: Sequence[str] = (), **filters: Filter) -> Page[CoverageGroup]:
        """Predictions that came of those that were made, by device_type, region, version, device, hour …"""
        return self._page(CoverageGroup, "/coverage/groups", {"by": list(by), **filters})

    # -- devices ----------------------------------------------------------------------------------------
    def devices(self, states: Sequence[str] = (), **filters: Filter) -> Page[Device]:
        """Devices by model version, of all states or these (`sort` by any column, `-` for descending)."""
        return self._page(Device, "/devices", {"state": list(states), **filters})

    def device(self, device: str, **filters: Filter) -> DeviceDetail:
        """One device."""
        return self._one(DeviceDetail, f"/devices/{_segment(device)}", filters)

    def device_series(self, device: str, **filters: Filter) -> DeviceSeries:
        """One device over time beside its segment's median; at most `points` buckets."""
        return self._one(DeviceSeries, f"/devices/{_segment(device)}/series", filters)

    def device_changes(self, device: str | None = None, limit: int = 1000) -> Page[DeviceChange]:
        """What operators said of devices, or of one by any name that it had; latest first."""
        return self._page(DeviceChange, "/device-changes", {"device": device, "limit": limit})

    def retire(self, device: str, *, author: str, reason: str, since: str | None = None) -> DeviceChange:
        """A device is gone for good."""
        return self._changed(device, "retire", {"author": author, "reason": reason, "since": since})

    def return_device(self, device: str, *, author: str, reason: str) -> DeviceChange:
        """A retired device is back."""
        return self._changed(device, "return", {"author": author, "reason": reason})

    def rename(self, device: str, name: str, *, author: str, reason: str) -> DeviceChange:
        """A device has another name."""
        return self._changed(device, "rename", {"name": name, "author": author, "reason": reason})

    def move(
        self,
        device: str,
        *,
        author: str,
        reason: str,
        device_type: str | None = None,
        region: str | None = None,
        since: str | None = None,
    ) -> Page[DeviceChange]:
        """A device is in another region, or of another type, for what it measures from `since` on."""
        said = {"author": author, "reason": reason, "since": since}
        place = {"device_type": device_type, "region": region}
        answer = self._transport.post(f"/devices/{_segment(device)}/move", {}, said | place)
        with self._same_shape():
            return Page(read_all(DeviceChange, answer["items"]), as_of=answer.get("as_of"))

    def _changed(self, device: str, kind: str, said: Mapping[str, Any]) -> DeviceChange:
        return self._read(DeviceChange, self._transport.post(f"/devices/{_segment(device)}/{kind}", {}, said))

    # -- pictures ---------------------------------------------------------------------------------------
    def series(self, segment: str, measure: str, **filters: Filter) -> Series:
        """A measure of a segment (of a `feature`) over time; at most `points` buckets."""
        return self._one(Series, "/series", {"segment": segment, "measure": measure, **filters})

    def heatmap(self, **filters: Filter) -> Heatmap:
        """Features × segments in the latest closed window, or the one that holds `at`."""
        return self._one(Heatmap, "/evaluations/heatmap", filters)

    def distribution(self, segment: str, feature: str, **filters: Filter) -> Distribution:
        """Reference and now on the same bins, in the latest closed window, or the one that holds `at`."""
        asked = {"segment": segment, "feature": feature, **filters}
        return self._one(Distribution, "/distributions", asked)

    def performance(self, segment: str, **filters: Filter) -> Performance:
        """Accuracy, agreement, confusion, calibration and what labels there are."""
        return self._one(Performance, "/performance", {"segment": segment, **filters})

    def latency(self, **filters: Filter) -> Page[TierLatency]:
        """Quantiles of latency by tier."""
        return self._page(TierLatency, "/latency", filters)

    def arrow(self, path: str, **filters: Filter) -> bytes:
        """The Arrow IPC stream of a table or series, such as `/devices` or `/evaluations/heatmap`."""
        return self._transport.arrow(path, filters)

    # -- cases ------------------------------------------------------------------------------------------
    def samples(self, **filters: Filter) -> Page[Sample]:
        """Predictions that were sent whole, latest first (also by `label`, `min_score`)."""
        return self._page(Sample, "/samples", filters)

    def prediction(self, prediction: str) -> PredictionDetail:
        """One prediction with its trace. ClientError with status 404 says why it is not here."""
        return self._one(PredictionDetail, f"/predictions/{_segment(prediction)}", {})

    # -- alerts -----------------------------------------------------------------------------------------
    def alerts(self, states: Sequence[str] = (), limit: int = 1000, **filters: Filter) -> Page[Alert]:
        """Alerts, latest change first; firing and resolved ones where no state is given."""
        return self._page(Alert, "/alerts", {"state": list(states), "limit": limit, **filters})

    def alert(self, alert: str) -> AlertDetail:
        """One alert and all that its page shows."""
        return self._one(AlertDetail, f"/alerts/{_segment(alert)}", {})

    def notifications(self, states: Sequence[str] = (), limit: int = 1000) -> Page[Notification]:
        """What went out, waits or failed, latest change first."""
        return self._page(Notification, "/notifications", {"state": list(states), "limit": limit})

    def test_alert(self, notifiers: Sequence[str] = ()) -> dict[str, str]:
        """Send a test message. Returns notifier → id of the notification that was queued."""
        queued: dict[str, str] = self._transport.post("/alerts/test", {"notifier": list(notifiers)})["queued"]
        return queued

    def silences(self, states: Sequence[str] = (), limit: int = 1000) -> Page[Silence]:
        """Silences, latest change first; those that hold and those still to begin where no state is given."""
        return self._page(Silence, "/silences", {"state": list(states), "limit": limit})

    def silence(
        self,
        *,
        author: str,
        reason: str,
        alert: str | None = None,
        segment: str | None = None,
        rule: str | None = None,
        measure: str | None = None,
        features: Sequence[str] = (),
        lasts: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Silence:
        """Hold messages about an alert or a segment back for `lasts` (`4h`), or until `end`."""
        wanted = {
            "alert": alert,
            "segment": segment,
            "rule": rule,
            "measure": measure,
            "features": list(features),
            "for": lasts,
            "start": start,
            "end": end,
            "author": author,
            "reason": reason,
        }
        return self._read(Silence, self._transport.post("/silences", {}, wanted))

    def unsilence(self, silence: str, *, author: str) -> Silence:
        """End a silence now."""
        path = f"/silences/{_segment(silence)}/expire"
        return self._read(Silence, self._transport.post(path, {"author": author}))

    # -- references and labels --------------------------------------------------------------------------
    def references(self, **filters: Filter) -> Page[ReferenceSummary]:
        """The latest reference of each model version."""
        return self._page(ReferenceSummary, "/references", filters)

    def register(
        self, document: Mapping[str, Any], *, model: str | None = None, version: str | None = None
    ) -> tuple[ReferenceSummary, list[str]]:
        """Register a reference. Returns it and the features that the model sends and it does not have."""
        answer = self._transport.post("/references", {"model": model, "version": version}, document)
        return self._read(ReferenceSummary, answer["reference"]), list(answer["unwatched"])

    def register_past(self, **named: Filter) -> ReferenceSummary:
        """Register what a `model` and `version` counted, `from` one time `to` another, as its reference."""
        return self._read(ReferenceSummary, self._transport.post("/references/past", named, None))

    def send_labels(self, labels: Sequence[Mapping[str, Any]]) -> LabelsTaken:
        """Send labels: all of them are taken, or none."""
        return self._read(LabelsTaken, self._transport.post("/labels", {}, list(labels)))

    # -- keeping ----------------------------------------------------------------------------------------
    def export(self, name: str, **filters: Filter) -> AbstractContextManager[Iterator[bytes]]:
        """Rows as they are stored, as an Arrow IPC stream that comes piece by piece."""
        return self._transport.stream(f"/export/{_segment(name)}", filters, ARROW)

    def backup(self) -> AbstractContextManager[Iterator[bytes]]:
        """All that is stored, as a tar that comes piece by piece; for who is on the collector's machine."""
        return self._transport.stream("/backup", {}, "application/x-tar")

    def purge(
        self,
        *,
        author: str,
        device: str | None = None,
        stream: str | None = None,
        model: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reason: str | None = None,
        confirm: str | None = None,
    ) -> Purge:
        """What would be deleted for good; with the `confirm` of that answer, and its scope, it is done."""
        wanted = {
            "device": device,
            "stream": stream,
            "model": model,
            "from": start,
            "to": end,
            "author": author,
            "reason": reason,
            "confirm": confirm,
        }
        return self._read(Purge, self._transport.post("/purge", {}, wanted))

    def audit(self, limit: int = 1000) -> Page[AuditEntry]:
        """What operators did to what is stored, latest first."""
        return self._page(AuditEntry, "/audit", {"limit": limit})

    def _one(self, kind: type[Record], path: str, filters: Mapping[str, Any]) -> Record:
        return self._read(kind, self._transport.get(path, filters))

    def _page(self, kind: type[Record], path: str, filters: Mapping[str, Any]) -> Page[Record]:
        answer = self._transport.get(path, filters)
        with self._same_shape():
            items = read_all(kind, answer.get("items", ()))
        return Page(items, answer.get("next"), answer.get("as_of"))

    def _read(self, kind: type[Record], document: Mapping[str, Any]) -> Record:
        with self._same_shape():
            return read(kind, document)

    @contextmanager
    def _same_shape(self) -> Iterator[None]:
        try:
            yield
        except (TypeError, AttributeError) as error:
            raise ClientError(
                f"the collector at {self.url} answers in another shape ({error});"
                " give both the same version of driftline"
            ) from error


def _segment(text: str) -> str:
    """A name as one segment of a path; `.` and `..` would be taken for steps."""
    return quote(text, safe="").replace(".", "%2E") if text.strip(".") == "" else quote(text, safe="")
