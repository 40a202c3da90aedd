"""The semantic-convention registry, resolved, and whether OTLP requests keep to it.

`violations(request)` takes any of OTLP's three requests: the SDK's tests hold what it sends against it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

FOLDER = files("driftline_schemas") / "registry"
#: OpenTelemetry's own, which ours refer to; all are texts.
FOREIGN = "service.", "deployment.environment.", "device.", "geo.", "cloud."
Request = ExportLogsServiceRequest | ExportMetricsServiceRequest | ExportTraceServiceRequest


@dataclass(frozen=True)
class Registry:
    """`attributes`: key → definition; `signals`: kind → name → definition with its groups resolved."""

    attributes: Mapping[str, Mapping[str, Any]]
    signals: Mapping[str, Mapping[str, Mapping[str, Any]]]
    manifest: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)

    def type_of(self, key: str) -> str | None:
        """The type of an attribute, a template's for one with its prefix; `None` for one that is not here."""
        if key.startswith(FOREIGN):
            return "string"
        definition = self.attributes.get(key)
        if definition is not None and not _is_template(definition):
            return "string" if isinstance(definition["type"], dict) else str(definition["type"])
        prefixes = (key[:i] for i in range(len(key)) if key[i] == ".")
        for template in (self.attributes[prefix] for prefix in prefixes if prefix in self.attributes):
            if _is_template(template):
                return str(template["type"]).removeprefix("template[").removesuffix("]")
        return None


@cache
def load() -> Registry:
    """Read registry/*.yaml."""
    documents = {
        file.name: yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in FOLDER.iterdir()
        if file.name.endswith(".yaml")
    }
    manifest = documents.pop("manifest.yaml")
    groups = {g["id"]: g for document in documents.values() for g in document.get("attribute_groups", ())}
    signals: dict[str, dict[str, Any]] = {}
    for kind, name in (("events", "name"), ("metrics", "name"), ("spans", "type")):
        signals[kind] = {
            signal[name]: {**signal, "attributes": dict(_references(signal, groups))}
            for document in documents.values()
            for signal in document.get(kind, ())
        }
    attributes = {a["key"]: a for document in documents.values() for a in document.get("attributes", ())}
    resource = dict(_references(groups["driftline.resource"], groups))
    return Registry(attributes, signals, manifest, resource)


def violations(request: Request) -> list[str]:
    """Where a request departs from the registry: names, types, what is required, units and instruments."""
    if isinstance(request, ExportMetricsServiceRequest):
        return list(_of_metrics(request))
    if isinstance(request, ExportLogsServiceRequest):
        return list(_of_logs(request))
    return list(_of_traces(request))


def _of_logs(request: ExportLogsServiceRequest) -> Iterator[str]:
    for resource in request.resource_logs:
        yield from _attributes("resource", resource.resource.attributes, load().resource)
        for scope in resource.scope_logs:
            for record in scope.log_records:
                event = load().signals["events"].get(record.event_name)
                if event is None:
                    yield f"{record.event_name!r} is no event"
                else:
                    yield from _attributes(record.event_name, record.attributes, event["attributes"])


def _of_traces(request: ExportTraceServiceRequest) -> Iterator[str]:
    for resource in request.resource_spans:
        yield from _attributes("resource", resource.resource.attributes, load().resource)
        for scope in resource.scope_spans:
            for span in scope.spans:
                if (kind := load().signals["spans"].get(span.name)) is None:
                    yield f"{span.name!r} is no span"
                else:
                    yield from _attributes(span.name, span.attributes, kind["attributes"])


def _of_metrics(request: ExportMetricsServiceRequest) -> Iterator[str]:
    for resource in request.resource_metrics:
        yield from _attributes("resource", resource.resource.attributes, load().resource)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if (definition := load().signals["metrics"].get(metric.name)) is None:
                    yield f"{metric.name!r} is no metric"
                else:
                    yield from _of_metric(metric, definition)


def _of_metric(metric: Metric, definition: Mapping[str, Any]) -> Iterator[str]:
    shape = metric.WhichOneof("data")
    if metric.unit != definition["unit"]:
        yield f"{metric.name}: unit {metric.unit!r}, expected {definition['unit']!r}"
    expected = {"histogram": ("histogram", "exponential_histogram"), "counter": ("sum",), "gauge": ("gauge",)}
    if shape not in expected[definition["instrument"]]:
        yield f"{metric.name}: {shape}, expected a {definition['instrument']}"
        return
    data = getattr(metric, shape)
    delta = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    if shape != "gauge" and data.aggregation_temporality != delta:
        yield f"{metric.name}: its temporality is not delta"
    if shape == "sum" and not data.is_monotonic:
        yield f"{metric.name}: a counter is monotonic"
    for point in data.data_points:
        yield from _attributes(metric.name, point.attributes, definition["attributes"])
        if shape != "gauge" and not 0 < point.start_time_unix_nano < point.time_unix_nano:
            yield f"{metric.name}: a point without a window"


def _references(signal: Mapping[str, Any], groups: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for reference in signal.get("attributes", ()):
        if "ref_group" in reference:
            yield from _references(groups[reference["ref_group"]], groups)
        else:
            yield reference["ref"], reference["requirement_level"]


def _is_template(definition: Mapping[str, Any]) -> bool:
    return str(definition["type"]).startswith("template[")


def _attributes(where: str, found: Any, levels: Mapping[str, Any]) -> Iterator[str]:
    keys = [attribute.key for attribute in found]
    if len(set(keys)) < len(keys):
        yield f"{where}: a key stands twice"
    for key, level in levels.items():
        if level == "required" and key not in keys:
            yield f"{where}: {key} is required"
    for attribute in found:
        yield from _attribute(where, attribute, levels)


def _attribute(where: str, attribute: KeyValue, levels: Mapping[str, Any]) -> Iterator[str]:
    key = attribute.key
    kind = load().type_of(key)
    if kind is None:
        # Other people's attributes may stand beside ours.
        if key.startswith("driftline."):
            yield f"{where}: {key} is not in the registry"
    elif key not in levels and not any(key.startswith(f"{level}.") for level in levels):
        yield f"{where}: {key} does not belong there"
    elif kind not in ("any", _type(attribute.value)):
        yield f"{where}: {key} is {_type(attribute.value)}, expected {kind}"
    elif (members := _members(key)) and attribute.value.string_value not in members:
        yield f"{where}: {key} is {attribute.value.string_value!r}, expected one of {', '.join(members)}"


def _members(key: str) -> list[str]:
    kind = load().attributes.get(key, {}).get("type")
    return [member["value"] for member in kind["members"]] if isinstance(kind, dict) else []


def _type(value: AnyValue) -> str:
    which = value.WhichOneof("value")
    if which == "array_value":
        kinds = {_type(item) for item in value.array_value.values}
        return f"{kinds.pop() if len(kinds) == 1 else 'mixed'}[]"
    names = {"string_value": "string", "int_value": "int", "double_value": "double", "bool_value": "boolean"}
    return names.get(which or "", which or "nothing")
