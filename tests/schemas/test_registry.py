"""The YAML registry for other languages and attributes.py say the same, both ways."""

from typing import Any

import pytest
from driftline_schemas import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.schemas import registry

REGISTRY = registry.load()
# Constants of attributes.py that name neither an attribute, nor an event, nor a metric.
NO_NAMES = {"SCHEMA_URL", "SCOPE_NAME", "PREDICTION_HEADER", "PROFILE_PREFIX", "SDK_PREFIX", "SPAN_INFERENCE"}
FALLBACKS = {*attributes.DEVICE_TYPE_FALLBACKS, *attributes.DEVICE_REGION_FALLBACKS}
EVERY_SIGNAL = [
    pytest.param(signal, id=name) for kind in REGISTRY.signals.values() for name, signal in kind.items()
]


def spelled_attributes() -> set[str]:
    names = {n: v for n, v in vars(attributes).items() if n.isupper() and isinstance(v, str)}
    signals = {*attributes.EVENTS, *attributes.METRICS}
    return {v.removesuffix(".") for n, v in names.items() if n not in NO_NAMES and v not in signals}


def used_attributes() -> set[str]:
    signals = [signal for kind in REGISTRY.signals.values() for signal in kind.values()]
    return set(REGISTRY.resource).union(*(signal["attributes"] for signal in signals))


def test_the_registry_defines_just_the_attributes_that_attributes_py_spells() -> None:
    ours = {key for key in spelled_attributes() if key.startswith("driftline.")}
    assert set(REGISTRY.attributes) == ours


def test_the_attributes_of_others_that_are_spelled_are_just_those_the_resource_refers_to() -> None:
    theirs = {key for key in spelled_attributes() if not key.startswith("driftline.")} | FALLBACKS
    assert {key for key in REGISTRY.resource if not key.startswith("driftline.")} == theirs
    assert all(key.startswith(registry.FOREIGN) for key in theirs)


def test_each_attribute_is_used_by_a_signal_or_the_resource_and_none_is_used_undefined() -> None:
    assert used_attributes() == spelled_attributes() | FALLBACKS


def test_prefixes_are_templates_and_nothing_else_is() -> None:
    prefixes = {attributes.SEGMENT_PREFIX.removesuffix("."), attributes.FEATURE_PREFIX.removesuffix(".")}
    templates = {k for k, d in REGISTRY.attributes.items() if str(d["type"]).startswith("template[")}
    assert templates == prefixes


def test_events_metrics_and_spans_have_the_names_of_attributes_py() -> None:
    assert set(REGISTRY.signals["events"]) == set(attributes.EVENTS)
    assert tuple(REGISTRY.signals["metrics"]) == attributes.METRICS
    assert set(REGISTRY.signals["spans"]) == {attributes.SPAN_INFERENCE}


def test_metrics_have_the_units_of_attributes_py() -> None:
    assert {n: metric["unit"] for n, metric in REGISTRY.signals["metrics"].items()} == attributes.UNITS


@pytest.mark.parametrize(
    ("key", "values"),
    [(attributes.TIER, attributes.TIERS), (attributes.STREAM_PHASE, attributes.STREAM_PHASES)],
)
def test_enumerations_have_the_members_of_attributes_py(key: str, values: tuple[str, ...]) -> None:
    assert tuple(member["value"] for member in REGISTRY.attributes[key]["type"]["members"]) == values


@pytest.mark.parametrize("definition", [pytest.param(d, id=k) for k, d in REGISTRY.attributes.items()])
def test_an_attribute_says_what_it_is_how_stable_and_gives_examples(definition: dict[str, Any]) -> None:
    assert definition["brief"].endswith((".", "…"))
    assert definition["stability"] == "development"
    if isinstance(definition["type"], dict):
        assert {member["stability"] for member in definition["type"]["members"]} == {"development"}
    else:
        python = {"string": str, "int": int, "double": float, "any": float, "string[]": list, "int[]": list}
        kind = REGISTRY.type_of(definition["key"]) or definition["type"][len("template[") : -1]
        assert {type(example) for example in definition["examples"]} == {python[kind]}


@pytest.mark.parametrize("signal", EVERY_SIGNAL)
def test_a_signal_says_what_it_is_how_stable_and_what_it_requires(signal: dict[str, Any]) -> None:
    assert signal["brief"].endswith(".")
    assert signal["stability"] == "development"
    for level in signal["attributes"].values():
        assert level in ("required", "recommended", "opt_in") or level["conditionally_required"].endswith(".")


def test_the_manifest_names_the_schema_url_that_is_sent() -> None:
    assert REGISTRY.manifest["schema_url"] == attributes.SCHEMA_URL
    assert REGISTRY.manifest["stability"] == "development"


def test_the_check_of_requests_sees_each_kind_of_departure() -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(int_value=1)))
    logs.resource.attributes.append(KeyValue(key="driftline.tier", value=AnyValue(string_value="moon")))
    records = logs.scope_logs.add().log_records
    records.add(event_name="driftline.predicton")
    event = records.add(event_name="driftline.prediction")
    event.attributes.append(KeyValue(key="driftline.prediction.score", value=AnyValue(int_value=1)))
    event.attributes.append(KeyValue(key="driftline.features.a", value=AnyValue(int_value=1)))
    event.attributes.append(KeyValue(key="driftline.made.up", value=AnyValue(int_value=1)))
    event.attributes.append(KeyValue(key="driftline.label", value=AnyValue(string_value="7")))
    event.attributes.append(KeyValue(key="somebody.else", value=AnyValue(int_value=1)))
    tiers = ", ".join(attributes.TIERS)
    assert registry.violations(request) == [
        "resource: service.name is int, expected string",
        f"resource: driftline.tier is 'moon', expected one of {tiers}",
        "'driftline.predicton' is no event",
        "driftline.prediction: driftline.prediction.id is required",
        "driftline.prediction: driftline.prediction.score is int, expected double",
        "driftline.prediction: driftline.made.up is not in the registry",
        "driftline.prediction: driftline.label does not belong there",
    ]


def test_the_check_of_metrics_sees_wrong_units_instruments_and_windows() -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="driftline.profile.score", unit="s").gauge.data_points.add()
    metrics.add(name="driftline.profile.predictions", unit="{prediction}").sum.data_points.add()
    assert registry.violations(request) == [
        "resource: service.name is required",
        "driftline.profile.score: unit 's', expected '1'",
        "driftline.profile.score: gauge, expected a histogram",
        "driftline.profile.predictions: its temporality is not delta",
        "driftline.profile.predictions: a counter is monotonic",
        "driftline.profile.predictions: a point without a window",
    ]
