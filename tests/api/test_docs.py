"""docs/api.md: it names every path, and its examples run."""

import re
from pathlib import Path
from typing import Any

import driftline_collector.client
import pytest

from tests.api.seeded import InProcess, Seeded

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_page_names_every_path_and_no_other(small: Seeded) -> None:
    described = {
        f"{method.upper()} {path}" for path, item in small.api.openapi()["paths"].items() for method in item
    }
    assert set(re.findall(r"^\| `((?:GET|POST) [^`]+)`", PAGE, re.MULTILINE)) == described


@pytest.mark.parametrize("example", re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
def test_the_examples_run(
    small: Seeded, example: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = driftline_collector.client.Client

    def client(url: str) -> Any:
        assert url == "http://127.0.0.1:4318"
        return real(url, transport=InProcess(small.api))

    monkeypatch.setattr(driftline_collector.client, "Client", client)
    exec(compile(example, "docs/api.md", "exec"), {})  # noqa: S102  # our own page
    assert "cam-0001" in capsys.readouterr().out


def test_every_field_and_parameter_is_described(small: Seeded) -> None:
    document = small.api.openapi()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            for parameter in operation.get("parameters", ()):
                assert parameter["schema"].get("description") or parameter.get("description"), (
                    where,
                    parameter,
                )
            for status, answer in operation["responses"].items():
                assert answer["description"], (where, status)
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (where, status)
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
