"""What only the operator may ask for is refused to everybody else."""

import pytest

from tests.api.serving import Serving

BODY = {"device": "cam-1", "author": "anna"}
PATHS = [("GET", "/backup"), ("POST", "/purge")]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
        {"via": "1.1 proxy"},
        {"origin": "http://localhost:8501"},
        {"host": "collector.example"},
    ],
)
def test_who_comes_through_a_proxy_or_a_page_is_refused(
    shared: Serving, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = shared.http.request(method, path, headers=headers, json=BODY)
    assert answer.status_code == 403
    assert "only who is on the collector's own machine may ask for this" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_who_is_on_this_machine_is_let(shared: Serving, method: str, path: str) -> None:
    assert shared.http.request(method, path, json=BODY).status_code == 200
