"""A Monitor that cannot be made says which argument is wrong and what would be right."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import driftline
import numpy as np
import pytest
from driftline._settings import load_reference

DEVICE = driftline.Device(id="cam-1")


def make(tmp_path: Path, **arguments: Any) -> driftline.Monitor:
    defaults: dict[str, Any] = {
        "model": "digits",
        "version": "1",
        "device": DEVICE,
        "spool_dir": tmp_path,
        "endpoint": "http://127.0.0.1:9",
    }
    return driftline.Monitor(**{**defaults, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model is ''; expected a text that is not empty"),
        ({"version": 2}, "version is 2; expected a text"),
        ({"device": "cam-1"}, r"device is 'cam-1'; expected driftline.Device\(id="),
        ({"tier": "moon"}, "tier is 'moon'; expected one of client_edge, device_edge"),
        ({"endpoint": "collector:4318"}, "endpoint is 'collector:4318'; expected an address like 'https://"),
        ({"endpoint": "http://"}, "endpoint is 'http:'"),
        ({"window": 0}, "window is 0; expected a number from 0.1 to 86400 seconds"),
        ({"window": "60s"}, "window is '60s'; expected a number"),
        ({"sample_rate": 1.5}, "sample_rate is 1.5; expected a number from 0 to 1"),
        ({"sample_rate": float("nan")}, "sample_rate is nan"),
        ({"sample_rate": True}, "sample_rate is True"),
        ({"escalate_below": "low"}, "escalate_below is 'low'"),
        ({"escalated_sample_rate": -1}, "escalated_sample_rate is -1"),
        ({"trace_sample_rate": 2}, "trace_sample_rate is 2"),
        ({"max_spool_bytes": 10}, "max_spool_bytes is 10; expected a number from 65536 to .* bytes"),
        ({"segment": {"line": 3}}, r"segment\['line'\] is 3; expected a text"),
        ({"segment": {str(i): "x" for i in range(9)}}, "segment has 9 dimensions; at most 8"),
        ({"privacy": "strict"}, "privacy is 'strict'; expected driftline.Privacy"),
        ({"reference": "/nowhere/x.json"}, "reference '/nowhere/x.json' cannot be read: No such file"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_argument_is_named(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(driftline.ConfigurationError, match=message):
        make(tmp_path, **arguments)


def test_a_device_needs_an_id() -> None:
    with pytest.raises(driftline.ConfigurationError, match=r"device\.id is ''"):
        driftline.Device(id="")


def test_a_file_that_is_no_reference_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(driftline.ConfigurationError, match=r"x\.json.*does not fit model.*from_data"):
        make(tmp_path, reference=path)


def test_a_reference_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    reference = driftline.Reference.from_data({"ink": np.arange(9.0)}, model="digits", version="2")
    with pytest.raises(driftline.ConfigurationError, match="version '2' of 'digits', not '1'"):
        make(tmp_path, reference=reference)


def test_a_device_keeps_none_of_what_a_reference_knows_of_hours(tmp_path: Path) -> None:
    times = np.datetime64("2026-06-01T09:00", "s") + np.arange(800) % 8 * np.timedelta64(86_400, "s")
    made = driftline.Reference.from_data({"ink": np.arange(800.0)}, model="digits", version="1", times=times)
    made.save(tmp_path / "timed.json")
    kept = load_reference(tmp_path / "timed.json", "digits", "1")
    assert made.hours
    assert kept == replace(made, hours=())


def test_a_spool_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(driftline.ConfigurationError, match=r"spool_dir .* cannot be used: .*Not a directory"):
        make(tmp_path, spool_dir=path)


def test_without_a_place_for_a_default_spool_it_spools_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "file"
    path.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    monitor = make(tmp_path, spool_dir=None)
    monitor.record({"ink": 1.0})
    assert not monitor.close(timeout=0.1)
    assert "spools in memory" in caplog.text


def test_the_environment_fills_in_what_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9/otlp/")
    monkeypatch.setenv("DRIFTLINE_SPOOL_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=sorter,team=x")
    monitor = make(tmp_path, spool_dir=None, endpoint=None)
    settings = monitor._settings
    monitor.close(timeout=0.1)
    assert settings.endpoint == "http://127.0.0.1:9/otlp"
    assert settings.spool_dir == tmp_path / "elsewhere" / "digits" / "cam-1"
    assert settings.resource == {"service.name": "sorter", "service.version": "1"}


def test_names_that_are_no_file_names_stay_inside_the_spool_directory(tmp_path: Path) -> None:
    monitor = make(tmp_path, model="../..", device=driftline.Device(id="a/b\0c"))
    monitor.close(timeout=0.1)
    assert monitor._settings.spool_dir == tmp_path / "%2E%2E%2F%2E%2E" / "a%2Fb%00c"


def test_privacy_takes_collections_of_names() -> None:
    with pytest.raises(TypeError, match="collections of feature names"):
        driftline.Privacy(deny="name")
    privacy = driftline.Privacy(allow=["ink", "name"], deny=["name"])
    assert [name for name in ("ink", "name", "other") if privacy.permits(name)] == ["ink"]
