"""Log requests → rows: each event of driftline's to its own table, everything else to `logs`."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from driftline_schemas import attributes as names

from driftline_collector.receiver import events, json_text, predictions
from driftline_collector.receiver.columns import (
    Attributes,
    Index,
    Mask,
    Records,
    flatten,
    ids,
    times,
)
from driftline_collector.receiver.decoded import Decoded, Rejections
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.ptars_adapter import decode
from driftline_collector.receiver.signals import LOGS
from driftline_collector.store.batch import Batch, Rows

Columns = dict[str, pa.Array]


def batch_of(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """The rows of log requests that have passed `check`; `received_ns` is for records without a time."""
    records = flatten(LOGS, decode(LOGS, bodies))
    return _Logs(records, received_ns, len(bodies)).decoded(sum(map(len, bodies)))


class _Logs:
    """One batch of log records on its way to rows."""

    def __init__(self, records: Records, received_ns: int, requests: int) -> None:
        self._records = records
        self._received_ns = received_ns
        self._sources = Sources.of(records)
        self._attributes = Attributes(records.records.field("attributes"))
        self._numbers = self._sources.numbers(
            "logs", records.resource, self._attributes.count(names.SEQUENCE)
        )
        self._rejections = Rejections(LOGS, requests)
        self._rows: dict[str, Rows] = {}

    def decoded(self, nbytes: int) -> Decoded:
        """Split the records by event and build each table."""
        event = self._records.records.field("event_name")
        rest = np.ones(len(self._records), np.bool_)
        for name, build in self._builders().items():
            chosen = np.asarray(pc.equal(event, name))
            if chosen.any():
                rest &= ~chosen
                build(np.flatnonzero(chosen))
        if rest.any():
            self._logs(np.flatnonzero(rest))
        batch = Batch(self._rows, self._numbers, self._rejections.refusals(), nbytes=nbytes)
        return Decoded(batch, self._rejections.by_request())

    def _builders(self) -> dict[str, Callable[[Index], None]]:
        return {
            names.EVENT_PREDICTION: self._predictions,
            names.EVENT_GROUND_TRUTH: self._labels,
            names.EVENT_DEPLOYMENT: self._deployments,
            names.EVENT_STREAM: self._stream_events,
        }

    # -- driftline's own events ------------------------------------------------------------------------
    def _predictions(self, at: Index) -> None:
        own = self._own(at)
        resource = self._records.resource[at]
        columns, sets = predictions.columns(own)
        columns |= self._context(at, own) | self._sources.dimensions(resource, own) | self._identity(at)
        columns["firmware"] = self._sources.optional(names.FIRMWARE_VERSION, resource)
        columns["segment"] = self._sources.segment(resource)
        self._keep("predictions", at, columns, predictions.refusals(own))
        self._rows["feature_sets"] = Rows(sets)

    def _labels(self, at: Index) -> None:
        own = self._own(at)
        columns = events.label_columns(own) | self._when(at) | self._numbered(at)
        self._keep("labels", at, columns, events.label_refusals(own))

    def _deployments(self, at: Index) -> None:
        own = self._own(at)
        columns = events.deployment_columns(own) | self._context(at, own)
        self._keep("deployments", at, columns, events.deployment_refusals(own))

    def _stream_events(self, at: Index) -> None:
        own = self._own(at)
        speaker = self._stream(at)
        columns = events.stream_columns(own, speaker) | self._when(at)
        columns |= self._sources.dimensions(self._records.resource[at], own)
        self._keep("stream_events", at, columns, events.stream_refusals(own, speaker))

    # -- everybody's logs ------------------------------------------------------------------------------
    def _logs(self, at: Index) -> None:
        records, own, resource = self._part(at), self._own(at), self._records.resource[at]
        observed = times(records.field("observed_time_unix_nano"))
        body = json_text.values(records.field("body"))
        columns = self._when(at) | self._numbered(at) | self._identity(at)
        columns |= {
            "observed_ns": pa.array(observed, mask=observed == 0),
            "flags": records.field("flags").cast(pa.int64()),
            "service": self._sources.optional(names.SERVICE_NAME, resource),
            "device": self._sources.optional(names.DEVICE_ID, resource),
            "event_name": records.field("event_name"),
            "severity_number": records.field("severity_number"),
            "severity_text": records.field("severity_text"),
            "body": pc.if_else(records.field("body").is_valid(), body, pa.scalar(None, pa.string())),
            "attributes": json_text.objects(own),
            "resource": self._sources.text(resource),
            "scope": self._sources.scope(self._records.scope[at]),
        }
        self._rows["logs"] = Rows(pa.table(columns), at)

    # -- shared columns --------------------------------------------------------------------------------
    def _part(self, at: Index) -> pa.StructArray:
        records = self._records.records
        return records if len(at) == len(records) else records.take(pa.array(at))

    def _own(self, at: Index) -> Attributes:
        return (
            self._attributes
            if len(at) == len(self._records)
            else Attributes(self._part(at).field("attributes"))
        )

    def _context(self, at: Index, own: Attributes) -> Columns:
        return self._when(at) | self._numbered(at) | self._sources.dimensions(self._records.resource[at], own)

    def _when(self, at: Index) -> Columns:
        records = self._part(at)
        told = times(records.field("time_unix_nano"))
        if not told.all():
            told = np.where(told == 0, times(records.field("observed_time_unix_nano")), told)
        return {"time_ns": pa.array(np.where(told == 0, self._received_ns, told))}

    def _numbered(self, at: Index) -> Columns:
        unnumbered = self._numbers.stream[at] < 0
        sequence = pa.array(self._numbers.sequence[at], mask=unnumbered if unnumbered.any() else None)
        return {"stream": self._stream(at), "sequence": sequence}

    def _stream(self, at: Index) -> pa.Array:
        return self._sources.optional(names.STREAM_ID, self._records.resource[at])

    def _identity(self, at: Index) -> Columns:
        records = self._part(at)
        return {"trace_id": ids(records.field("trace_id"), 16), "span_id": ids(records.field("span_id"), 8)}

    def _keep(self, table: str, at: Index, columns: Columns, refused: dict[str, Mask]) -> None:
        good = self._rejections.add(at, self._records.request[at], refused)
        rows = pa.table(columns)
        if good.all():
            self._rows[table] = Rows(rows, at)
        else:
            self._rows[table] = Rows(rows.filter(pa.array(good)), at[good])
