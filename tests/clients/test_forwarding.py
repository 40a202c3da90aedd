"""However a forwarder cuts and joins what it was sent, the store is the same in the end."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from driftline_schemas import attributes as names
from google.protobuf.message import Message
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conformance.payloads import NESTING, REQUESTS
from tests.conformance.registry import SignalName
from tests.receiver import wire
from tests.receiver.serving import Serving, serving

SECOND = 10**9
STREAMS, WINDOWS, RECORDS = 3, 4, 6


def sent() -> dict[SignalName, Message]:
    """What some streams say, as one request for each signal."""
    requests: dict[SignalName, Message] = {
        signal: REQUESTS[signal]() for signal in ("logs", "traces", "metrics")
    }
    for stream in range(STREAMS):
        device = wire.DEVICE | {names.STREAM_ID: f"{stream:032x}", names.DEVICE_ID: f"cam-{stream}"}
        numbers = range(1, WINDOWS * RECORDS + 1)
        events = [wire.prediction(100 * stream + n, sequence=n) for n in numbers]
        requests["logs"].MergeFrom(wire.events(*events, device=device))
        spans = wire.spans(device=device)
        group = spans.resource_spans[0].scope_spans[0]
        del group.spans[:]
        group.spans.extend(
            Span(span_id=(100 * stream + n).to_bytes(8, "big"), attributes=wire.pairs({names.SEQUENCE: n}))
            for n in numbers
        )
        requests["traces"].MergeFrom(spans)
        for window in range(WINDOWS):
            times = {"start": (1 + window) * SECOND, "end": (2 + window) * SECOND}
            made = [
                wire.counter(
                    names.PROFILE_PREDICTIONS, [(n, {names.LABEL: str(n)}) for n in (1, 2)], **times
                ),
                wire.histogram(names.PROFILE_FEATURE, [1, window], [0.5], {names.FEATURE_NAME: "x"}, **times),
            ]
            requests["metrics"].MergeFrom(wire.metrics(*made, device=device))
    return requests


def rebatched(signal: SignalName, request: Any, chance: random.Random) -> list[Message]:
    """The same records in other requests, in another order, each under a resource of its own; some twice."""
    resources, scopes, records = NESTING[signal]
    single = []
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            for record in getattr(scope, records):
                alone: Any = REQUESTS[signal]()
                own = getattr(alone, resources).add(
                    resource=resource.resource, schema_url=resource.schema_url
                )
                inner = getattr(own, scopes).add(scope=scope.scope, schema_url=scope.schema_url)
                getattr(inner, records).append(record)
                single.append(alone)
    single += chance.sample(single, len(single) // 2)
    chance.shuffle(single)
    batches = []
    while single:
        batch = REQUESTS[signal]()
        for _ in range(min(len(single), chance.choice((1, 1, 2, 5, 20)))):
            batch.MergeFrom(single.pop())
        batches.append(batch)
    return batches


def stored(served: Serving) -> dict[str, Counter[str]]:
    """All that is in the store, but for when it came."""
    queries = {
        "predictions": "SELECT * EXCLUDE (received_ns, time_ns) FROM predictions",
        "spans": "SELECT * EXCLUDE (received_ns, start_ns) FROM spans",
        "profiles": "SELECT * EXCLUDE (received_ns) FROM profiles",
    }
    return {table: Counter(map(repr, served.rows(query))) for table, query in queries.items()}


@pytest.mark.parametrize("seed", range(3))
def test_what_is_cut_joined_mixed_and_repeated_is_stored_as_if_it_had_come_at_once(
    tmp_path: Path, seed: int
) -> None:
    whole = sent()
    chance = random.Random(seed)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "whole") as served:
        for signal, request in whole.items():
            post(served, signal, request)
        expected = stored(served)
    pieces = [
        (signal, piece) for signal, request in whole.items() for piece in rebatched(signal, request, chance)
    ]
    chance.shuffle(pieces)
    with serving(tmp_path / "cut") as served, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda piece: post(served, *piece), pieces))
        found = stored(served)
    assert sum(expected["predictions"].values()) == STREAMS * WINDOWS * RECORDS
    assert sum(expected["profiles"].values()) == STREAMS * WINDOWS * 3
    assert found == expected


def post(served: Serving, signal: SignalName, request: Message) -> None:
    answer = httpx.post(
        f"{served.url}/v1/{signal}",
        content=request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
        timeout=30,
    )
    assert answer.status_code == 200
    assert answer.content == b""
