"""Trace requests → rows of `spans`, with events and links as JSON."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from driftline_schemas import attributes as names

from driftline_collector.receiver import json_text
from driftline_collector.receiver.columns import Attributes, flatten, ids, times, unnest
from driftline_collector.receiver.decoded import ACCEPTED, Decoded
from driftline_collector.receiver.dimensions import Sources
from driftline_collector.receiver.ptars_adapter import decode
from driftline_collector.receiver.signals import TRACES
from driftline_collector.store.batch import Batch, Rows


def batch_of(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """The rows of trace requests that have passed `check`."""
    nested = flatten(TRACES, decode(TRACES, bodies))
    spans, sources = nested.records, Sources.of(nested)
    own = Attributes(spans.field("attributes"))
    numbers = sources.numbers("traces", nested.resource, own.count(names.SEQUENCE))
    started = times(spans.field("start_time_unix_nano"))
    status = spans.field("status")
    columns = {
        "start_ns": pa.array(np.where(started == 0, received_ns, started)),
        "end_ns": pa.array(times(spans.field("end_time_unix_nano"))),
        "trace_id": ids(spans.field("trace_id"), 16),
        "span_id": ids(spans.field("span_id"), 8),
        "parent_span_id": ids(spans.field("parent_span_id"), 8),
        "trace_state": spans.field("trace_state"),
        "flags": spans.field("flags").cast(pa.int64()),
        "stream": sources.optional(names.STREAM_ID, nested.resource),
        "sequence": pa.array(numbers.sequence, mask=numbers.stream < 0),
        "service": sources.optional(names.SERVICE_NAME, nested.resource),
        "device": sources.optional(names.DEVICE_ID, nested.resource),
        "tier": sources.optional(names.TIER, nested.resource),
        "prediction_id": own.text(names.PREDICTION_ID),
        "name": spans.field("name"),
        "kind": spans.field("kind"),
        "status_code": status.field("code"),
        "status_message": status.field("message"),
        "attributes": json_text.objects(own),
        "events": _events(spans.field("events")),
        "links": _links(spans.field("links")),
        "resource": sources.text(nested.resource),
        "scope": sources.scope(nested.scope),
    }
    batch = Batch(
        {"spans": Rows(pa.table(columns), np.arange(len(nested)))}, numbers, nbytes=sum(map(len, bodies))
    )
    return Decoded(batch, [ACCEPTED] * len(bodies))


def _events(lists: pa.ListArray) -> pa.Array:
    """Each span's events as a JSON list: time_ns, name, attributes, dropped_attributes_count."""
    events, row = unnest(lists)
    made = json_text.record(
        {
            "time_ns": json_text.whole(events.field("time_unix_nano")),
            "name": json_text.quoted(events.field("name")),
            "attributes": json_text.objects(Attributes(events.field("attributes"))),
            "dropped_attributes_count": json_text.whole(events.field("dropped_attributes_count")),
        }
    )
    return json_text.joined(made, row, len(lists), "[", "]")


def _links(lists: pa.ListArray) -> pa.Array:
    """Each span's links as a JSON list: trace_id and span_id in hex, trace_state, flags, attributes."""
    links, row = unnest(lists)
    made = json_text.record(
        {
            "trace_id": json_text.hexadecimal(links.field("trace_id")),
            "span_id": json_text.hexadecimal(links.field("span_id")),
            "trace_state": json_text.quoted(links.field("trace_state")),
            "attributes": json_text.objects(Attributes(links.field("attributes"))),
            "dropped_attributes_count": json_text.whole(links.field("dropped_attributes_count")),
            "flags": json_text.whole(links.field("flags")),
        }
    )
    return json_text.joined(made, row, len(lists), "[", "]")
