"""Pages in browsers: those that are named may send, on success and failure alike, and no others."""

from collections.abc import Iterator

import httpx
import pytest

from tests.receiver.serving import Serving, serving

PAGE = "https://page.example"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,x-key",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("cors"), origins=[PAGE]) as running:
        yield running


def test_a_preflight_of_a_named_page_is_answered(served: Serving) -> None:
    answer = httpx.options(f"{served.url}/v1/logs", headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-key"
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://other.example"},
        {"origin": "null"},
        {"access-control-request-method": None},
        {"access-control-request-headers": "a: b"},
        {"access-control-request-headers": "x" * 1001},
    ],
)
def test_any_other_preflight_is_refused_as_a_method(served: Serving, changed: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (PREFLIGHT | changed).items() if value is not None}
    answer = httpx.options(f"{served.url}/v1/logs", headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "access-control-allow-headers" not in answer.headers


@pytest.mark.parametrize(("content", "status"), [(b"{}", 200), (b"no JSON", 400)], ids=["success", "failure"])
def test_a_named_page_may_read_the_answer(served: Serving, content: bytes, status: int) -> None:
    headers = {"origin": PAGE, "content-type": "application/json"}
    answer = httpx.post(f"{served.url}/v1/logs", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == "Retry-After"
    assert answer.headers["vary"] == "Origin"


def test_a_page_that_is_not_named_may_not_read_the_answer(served: Serving) -> None:
    headers = {"origin": "https://other.example", "content-type": "application/json"}
    answer = httpx.post(f"{served.url}/v1/logs", content=b"{}", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["vary"] == "Origin"


def test_without_named_pages_nothing_is_said_of_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("none")) as running:
        answer = httpx.options(f"{running.url}/v1/logs", headers=PREFLIGHT)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
