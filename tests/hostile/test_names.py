"""Text that is SQL, HTML, Markdown or a path, in every name there is: kept as it is, never carried out."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from driftline_collector.receiver.names import LONGEST
from driftline_schemas import attributes as names

from tests.end_to_end.running import RunningCollector, collector, wait_until
from tests.hostile.cases import TEXTS
from tests.receiver import wire

SECOND = 10**9
PROTOBUF = {"content-type": "application/x-protobuf"}
#: Those that can be a name at all; the empty one is "unknown".
NAMES = [text for text in TEXTS if text and len(text) <= LONGEST]
WORST = [text for text in NAMES if any(part in text for part in ("DROP", "script>", "](", "../", "\0"))]
CONFIGURATION = "evaluation: {window: 1s, lateness: 0s, history: 1h}\n"


def device(text: str, number: int) -> dict[str, Any]:
    """Who speaks: all of it is `text`."""
    spoken = (
        names.SERVICE_NAME,
        names.MODEL_NAME,
        names.MODEL_VERSION,
        names.DEVICE_ID,
        names.DEVICE_TYPE,
        names.DEVICE_REGION,
        names.TIER,
        names.FIRMWARE_VERSION,
    )
    return dict.fromkeys(spoken, text) | {
        names.STREAM_ID: f"{number:032x}",
        names.SEGMENT_PREFIX + text: text,
    }


def profile(text: str, end_ns: int) -> list[Any]:
    times = {"start": end_ns - SECOND, "end": end_ns}
    return [
        wire.counter(names.PROFILE_PREDICTIONS, [(60, {names.LABEL: text})], **times),
        wire.counter(
            names.PROFILE_CATEGORY, [(60, {names.FEATURE_NAME: text, names.FEATURE_CATEGORY: text})], **times
        ),
        wire.histogram(
            names.PROFILE_FEATURE, [10, 50], [0.5], {names.FEATURE_NAME: f"{text} {text}"}, **times
        ),
        wire.counter(names.PROFILE_ESCALATIONS, [(1, {names.ESCALATION_REASON: text})], **times),
        wire.counter(text, [(1, {text: text})], **times),
    ]


def events(text: str, now: int) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            names.EVENT_PREDICTION,
            {
                names.PREDICTION_ID: text,
                names.PREDICTION_LABEL: text,
                names.PREDICTION_SCORE: 0.5,
                names.SAMPLE_PROBABILITY: 1.0,
                names.SAMPLE_REASONS: [text],
                names.FEATURE_PREFIX + text: text,
                text: text,
            },
        ),
        (names.EVENT_GROUND_TRUTH, {names.PREDICTION_ID: text, names.GROUND_TRUTH_LABEL: text}),
        (names.EVENT_DEPLOYMENT, {names.DEPLOYMENT_KIND: text, names.DEPLOYMENT_TO: text}),
        (text, {text: text}),
    ]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    """A collector that was told all these names, and has judged some windows of theirs."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "driftline.yaml").write_text(CONFIGURATION)
    with collector(folder) as started:
        now = time.time_ns() // SECOND * SECOND
        for number, text in enumerate(NAMES):
            who = device(text, number)
            points = [metric for back in range(3, 8) for metric in profile(text, now - back * SECOND)]
            bodies = {
                "metrics": wire.metrics(*points, device=who),
                "logs": wire.events(*events(text, now), device=who, time_unix_nano=now),
            }
            for signal, message in bodies.items():
                url = f"{started.url}/v1/{signal}"
                answer = httpx.post(url, content=message.SerializeToString(), headers=PROTOBUF)
                assert (answer.status_code, answer.content) == (200, b"")
        wait_until(lambda: started.get("/evaluations", limit="1000")["items"])
        yield started


def test_every_name_is_there_as_it_was_sent(running: RunningCollector) -> None:
    assert set(told(running, "/models", "model")) == set(NAMES)
    assert set(told(running, "/devices", "device")) == set(NAMES)


def told(running: RunningCollector, path: str, name: str) -> list[str]:
    return [item[name] for item in running.get(path, limit="500")["items"]]


def test_no_page_of_the_api_breaks_on_any_of_them(running: RunningCollector) -> None:
    with httpx.Client(base_url=running.url, timeout=30) as client:
        described = client.get("/openapi.json").json()
        pages = {path: each["get"] for path, each in described["paths"].items() if "get" in each}
        del pages["/api/v1/backup"]  # one after the other, and it takes no names
        assert len(pages) > 20
        for path, method in pages.items():
            _try(client, path, method)


def _try(client: httpx.Client, path: str, method: dict[str, Any]) -> None:
    """Ask for a page with each of the worst names, wherever one can be given."""
    for text in WORST:
        where, query = path, {}
        for parameter in method.get("parameters", []):
            if parameter["in"] == "path":
                quoted = "".join(f"%{byte:02X}" for byte in text.encode())
                where = where.replace("{" + parameter["name"] + "}", quoted)
            elif parameter["name"] not in ("limit", "points", "from", "to", "cursor"):
                query[parameter["name"]] = text
        answer = client.get(where, params=query)
        assert answer.status_code < 500, (path, text, answer.text)
        assert answer.headers["content-type"].partition(";")[0] != "text/html", (path, text)
