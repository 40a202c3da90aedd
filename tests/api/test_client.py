"""The client reads what the API gives, and says what is wrong when it cannot."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import driftline_collector.client
import httpx
import pytest
from driftline_collector.answers import cases, devices, pictures, records, silences, system
from driftline_collector.client import Client, ClientError, Page
from driftline_collector.client.reading import read

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> Client:
    return Client("http://collector:4318/", transport=httpx.MockTransport(answer))


def saying(status: int, content: Any, kind: str = "application/json") -> Answer:
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda _: httpx.Response(status, text=text, headers={"content-type": kind})


def test_what_is_public_is_listed_and_there() -> None:
    module = driftline_collector.client
    assert list(module.__all__) == sorted(module.__all__)
    shapes = {
        name
        for part in (cases, devices, pictures, records, silences, system)
        for name, value in vars(part).items()
        if isinstance(value, type) and value.__module__ == part.__name__
    }
    assert shapes <= set(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


def test_filters_go_out_under_the_names_of_the_api() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"items": [], "next": None, "as_of": "2026-11-21T09:41:20.000Z"})

    with client(answer) as asking:
        asking.devices(model="digits", device_type="a b", start="6h", end=None, limit=3)
        asking.alerts(["firing", "pending"])
        asking.devices(**{"from": "1h", "type": "x"})
    assert [str(url.copy_with(scheme="http")) for url in asked] == [
        "http://collector:4318/api/v1/devices?model=digits&type=a+b&from=6h&limit=3",
        "http://collector:4318/api/v1/alerts?state=firing&state=pending&limit=1000",
        "http://collector:4318/api/v1/devices?from=1h&type=x",
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", b"/api/v1/devices/a%2Fb"),
        ("..", b"/api/v1/devices/%2E%2E"),
        ("ä?#%", b"/api/v1/devices/%C3%A4%3F%23%25"),
    ],
)
def test_a_name_is_one_part_of_a_path(name: str, path: bytes) -> None:
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(404, json={"detail": "none"})

    with client(answer) as asking, pytest.raises(ClientError):
        asking.device(name)
    assert asked == [path]


def test_a_page_is_used_as_a_list() -> None:
    page = Page((1, 2, 3), "next")
    assert (list(page), len(page), page[0], page[1:]) == ([1, 2, 3], 3, 1, (2, 3))
    assert not Page(())


def test_what_a_newer_collector_adds_is_left_out() -> None:
    @dataclass(frozen=True)
    class Inner:
        value: float

    @dataclass(frozen=True)
    class Outer:
        inner: Inner | None
        many: tuple[Inner, ...]
        names: tuple[str, ...] = ()

    found = read(Outer, {"inner": {"value": 1, "unit": "m"}, "many": [{"value": 2.5}], "colour": "red"})
    assert found == Outer(Inner(1.0), (Inner(2.5),))
    assert isinstance(found.inner.value if found.inner else None, float)
    assert read(Outer, {"inner": None, "many": [], "names": ["a"]}) == Outer(None, (), ("a",))


def refused(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def slow(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out")


PROBLEM = {"detail": "no such device", "errors": [{"where": "x", "message": "y"}]}


@pytest.mark.parametrize(
    ("answer", "message", "status"),
    [
        (refused, "no collector answers at http://collector:4318; start one with: driftline collector", None),
        (slow, "the collector at http://collector:4318 has not answered in time", None),
        (saying(404, PROBLEM, "application/problem+json"), "no such device", 404),
        (
            saying(502, "<html>bad gateway</html>", "text/html"),
            "answered 502: is it a driftline collector?",
            502,
        ),
        (saying(200, "<html>welcome</html>", "text/html"), "is not a driftline collector", None),
        (saying(200, [1, 2]), "is not a driftline collector", None),
        (saying(200, {"version": "9"}), "answers in another shape .*; give both the same version", None),
    ],
)
def test_an_error_says_what_to_do(answer: Answer, message: str, status: int | None) -> None:
    with client(answer) as asking, pytest.raises(ClientError, match=message) as caught:
        asking.system()
    assert caught.value.status == status
    assert caught.value.errors == (({"where": "x", "message": "y"},) if status == 404 else ())
