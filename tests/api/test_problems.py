"""Every error has one shape, and says what to do."""

from collections.abc import Callable

import pyarrow as pa
import pytest
from driftline_collector.errors import StoreError

from tests.api.seeded import Seeded

KEYS = {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/nothing", 404, "nothing is at /api/v1/nothing; GET /openapi.json lists what there is"),
        ("/devices/", 422, "path.device: String should have at least 1 character"),
        ("/overview/", 404, "nothing is at /api/v1/overview/; GET /openapi.json lists what there is"),
        ("/devices?limit=0", 422, "query.limit: Input should be greater than or equal to 1"),
        ("/devices?limit=10001", 422, "query.limit: Input should be less than or equal to 10000"),
        ("/devices?sort=colour", 422, "query.sort: String should match pattern"),
        ("/devices?limt=3", 422, "unknown query parameter 'limt'; known here: cursor, from, limit, model"),
        (
            "/devices/cam-0001?state=ok",
            422,
            "unknown query parameter 'state'; known here: from, model",
        ),
        ("/healthz?x=1", 404, "nothing is at"),
        ("/devices?cursor=abc", 422, "cursor: 'abc' is none of ours; take it from 'next' of the part before"),
        ("/samples?cursor=abc", 422, "cursor: 'abc' is none of ours; take it from 'next' of the part before"),
        ("/overview?from=yesterday", 422, "from: 'yesterday' is no time; write 2026-11-21T09:41:20Z, nanos"),
        (
            "/overview?from=1h&to=2h",
            422,
            "from: it is not before 'to'; give an earlier start",
        ),
        (
            "/overview?to=3000-01-01",
            422,
            "to: '3000-01-01' is before 1970 or after 2262",
        ),
        ("/series?measure=drift", 422, "query.segment: Field required"),
        (
            "/series?segment=model%3Dx&measure=colour",
            422,
            "query.measure: Input should be 'drift'",
        ),
        ("/segments?segment=x", 422, "segment 'x': 'x' is not <dimension>=<value>"),
        ("/overview?segment=region%3Deu", 422, "the model must be named, e.g. model=digits"),
    ],
)
def test_an_error_says_what_to_do(small: Seeded, path: str, status: int, detail: str) -> None:
    answer = small.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem.keys() >= KEYS
    assert problem["status"] == status
    assert detail in problem["detail"]


def test_every_mistake_of_a_request_is_named(small: Seeded) -> None:
    problem = small.http.get("/series", params={"points": 0, "measure": "drift"}).json()
    assert {error["where"] for error in problem["errors"]} == {"query.segment", "query.points"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/overview", "GET"),
        ("PUT", "/references", "GET, POST"),
        ("GET", "/labels", "POST"),
        ("POST", "/devices/cam-0001", "GET"),
    ],
)
def test_a_method_that_is_not_for_a_path_is_told_with_those_that_are(
    small: Seeded, method: str, path: str, allowed: str
) -> None:
    answer = small.http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"
    assert allowed in answer.json()["detail"]


def test_a_body_that_cannot_be_read_is_a_problem_too(small: Seeded) -> None:
    headers = {"content-type": "application/json"}
    answer = small.http.post("/references", content=b"\x18\x80\x00", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert "the body is not JSON in UTF-8" in answer.json()["detail"]


@pytest.fixture
def broken(small: Seeded, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Makes the store's reads fail as told."""

    def fail(error: Exception) -> None:
        def read(*_: object) -> pa.Table:
            raise error

        monkeypatch.setattr(small.store, "_read", read)

    return fail


def test_a_store_that_does_not_answer_is_worth_another_try(
    small: Seeded, broken: Callable[[Exception], None]
) -> None:
    broken(StoreError("the database is busy"))
    answer = small.http.get("/overview")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["detail"] == "the database is busy"


def test_a_fault_tells_nothing_of_the_inside(small: Seeded, broken: Callable[[Exception], None]) -> None:
    broken(ZeroDivisionError("secret"))
    answer = small.http.get("/overview")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert "log says which" in answer.json()["detail"]
