"""Health, errors, counts for Prometheus, and times in queries."""

import httpx
import pytest
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import read_time, write_time
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.alerts.evaluated import START
from tests.api.serving import Serving, prediction

HOUR = 3600 * 10**9


def samples(collector: Serving) -> dict[tuple[str, str], float]:
    """(name, label's value) → value, of all that `/metrics` tells."""
    text = httpx.get(f"{collector.url}/metrics").text
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, *(sample.labels.values() or ("",))): sample.value for sample in found}


def test_metrics_count_what_is_committed_and_what_waits(collector: Serving) -> None:
    collector.put("predictions", prediction("a"), prediction("b"))
    found = samples(collector)
    assert found["driftline_committed_rows_total", "predictions"] == 2
    for name in (
        "repeated_total",
        "refused_total",
        "announced_lost_total",
        "queue_requests",
        "alerts_firing",
    ):
        assert found[f"driftline_{name}", ""] == 0


def test_every_path_of_the_api_is_described(shared: Serving) -> None:
    described = httpx.get(f"{shared.url}/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation.get("description"), path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/alerts", 405),
        ("GET", "/evaluations?limit=0", 422),
        ("GET", "/evaluations?segment=camera", 422),
        ("GET", "/evaluations?from=yesterday", 422),
        ("GET", "/performance", 422),
        ("POST", "/references", 422),
    ],
)
def test_every_error_is_a_problem_that_says_something(
    shared: Serving, method: str, path: str, status: int
) -> None:
    answer = shared.http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert len(problem["detail"]) > 10


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-01-01T00:00:00Z", START),
        ("2026-01-01T01:00:00+01:00", START),
        ("2026-01-01", START),
        ("2026-01-01T00:00:00.250Z", START + 250_000_000),
        (str(START + 1), START + 1),
        ("2h", START - 2 * HOUR),
    ],
)
def test_a_time_is_rfc_3339_nanoseconds_or_so_long_ago(text: str, ns: int) -> None:
    assert read_time(text, "from", START) == ns


@pytest.mark.parametrize("text", ["", "yesterday", "2 h", "-5", "1.5h", "2026-13-01"])
def test_what_is_no_time_is_refused_with_its_parameter(text: str) -> None:
    with pytest.raises(ProblemError, match="from: "):
        read_time(text, "from", START)


@given(st.integers(0, 4 * 10**18))
def test_a_time_that_was_written_is_read_back_to_the_millisecond(ns: int) -> None:
    written = write_time(ns)
    assert read_time(written, "from", START) == ns - ns % 10**6


def test_the_last_moment_of_64_bits_can_be_told() -> None:
    assert write_time(2**63 - 1) == "2262-04-11T23:47:16.854Z"
    assert write_time(None) is None
