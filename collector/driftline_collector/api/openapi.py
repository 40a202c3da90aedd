"""The OpenAPI document: what FastAPI cannot know of errors, times and examples."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from driftline_collector.api.problems import MEDIA_TYPE

DESCRIPTION = """
Times in answers are RFC 3339 in UTC, durations seconds, shares of one; `null` is "not known", never zero.
A time in a request is RFC 3339, nanoseconds since 1970, or `6h` for so long ago.

Lists come in parts: `next` is the cursor of what follows. Tables and series also come as Arrow IPC streams
(`Accept: application/vnd.apache.arrow.stream`); the cursor then stands in the header `driftline-next`.

Errors are problems by RFC 9457; `detail` says what to do. A query parameter that a route does not know is an
error.
"""
TAGS = [
    {"name": "overview", "description": "Whether anything needs somebody"},
    {"name": "catalogue", "description": "What there is: models, versions, segments"},
    {"name": "devices", "description": "Which devices, how they are, and what happened to each"},
    {"name": "evaluations", "description": "Every number that was evaluated"},
    {"name": "pictures", "description": "What figures are drawn from: series, heat maps, distributions"},
    {"name": "performance", "description": "Whether the answers are right, and how long they take"},
    {"name": "alerts", "description": "What crossed a limit, and who was told"},
    {"name": "cases", "description": "Single predictions, their truth and their traces"},
    {"name": "references", "description": "What a model version saw when all was well"},
    {"name": "labels", "description": "Ground truth"},
    {"name": "fleet", "description": "How much of what was made has arrived"},
    {"name": "keeping", "description": "Taking out, copying and deleting what is stored"},
    {"name": "system", "description": "Whether the numbers can be trusted"},
    {"name": "health", "description": "For supervisors and Prometheus"},
]
PROBLEM = {
    "title": "Problem",
    "description": "What went wrong, by RFC 9457. `detail` says what to do.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Unprocessable Content"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {
            "type": "string",
            "examples": ["limit: Input should be greater than or equal to 1"],
        },
        "errors": {
            "type": "array",
            "description": "Each mistake by itself, where there are several",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_ALWAYS = {
    "422": "A parameter or the body is wrong; the detail says which, and how it should be",
    "503": "The store does not answer just now; try again after `Retry-After`",
}
#: Fields with the same meaning everywhere → an example.
_EXAMPLES: dict[str, Any] = {
    "model": "digits",
    "version": "2.1.0",
    "device": "cam-0017",
    "device_type": "camera-b",
    "region": "eu-west",
    "tier": "device_edge",
    "segment": "model=digits,version=*,device_type=camera-b,region=*",
    "feature": "sharpness",
    "worst_feature": "sharpness",
    "measure": "drift",
    "verdict": "drifted",
    "reason": "moved: sharpness, contrast",
    "effect": 0.31,
    "lower": 0.27,
    "upper": 0.36,
    "limit": 0.02,
    "n": 14210,
    "coverage": 0.994,
    "firmware": "1.9",
    "label": "7",
    "true_label": "1",
    "cloud_label": "1",
    "score": 0.93,
    "probability": 0.02,
    "reasons": ["random"],
    "severity": "critical",
    "rule": "drift",
    "sentence": "sharpness moved down: the share up to 0.41 rose from 10 % to 63 %.",
    "silence_command": "driftline alerts silence alert_1f0c --for 4h",
    "unsilence_command": "driftline alerts unsilence silence_5f0c1f9be2a94e0c",
    "silence": "silence_5f0c1f9be2a94e0c",
    "author": "anna",
    "retention": "samples 365 days, profiles for good, spans 30 days",
    "next": "100",
}
#: Fields that hold a time, by name or by how their name ends.
_TIMES = {
    "time",
    "end",
    "start",
    "as_of",
    "since",
    "first",
    "last",
    "started",
    "ended",
    "retired",
    "changed",
    "created",
    "until",
    "registered",
}
_TIMES |= {"data_up_to", "last_seen", "oldest", "latest", "evaluated", "last_delivered", "next_attempt"}
_TIME_ENDS = ("_at", "window_start", "window_end")


def complete(api: FastAPI) -> None:
    """Let the application give the complete document, made once."""
    plain = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            document = plain()
            _problems(document)
            _fields(document)
            api.openapi_schema = document
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation does


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def _problems(document: dict[str, Any]) -> None:
    """Errors in the one shape that they have."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operation in _operations(document):
        answers = operation["responses"]
        answers.pop("422", None)
        always = _ALWAYS if path.startswith("/api/") else {"422": _ALWAYS["422"]}
        if "requestBody" in operation:
            always = always | {"400": "The body cannot be read"}
        for status, description in always.items():
            answers.setdefault(status, {"description": description})
        for status, answer in answers.items():
            if status >= "400":
                answer["content"] = content


def _fields(document: dict[str, Any]) -> None:
    """Formats of times, and examples."""
    for name, schema in document["components"]["schemas"].items():
        if name == "Problem":
            continue
        for field, described in schema.get("properties", {}).items():
            types = described.get("anyOf", [described])
            texts = [kind for kind in types if kind.get("type") == "string"]
            if texts and (field in _TIMES or field.endswith(_TIME_ENDS)):
                texts[0]["format"] = "date-time"
                described["examples"] = ["2026-11-21T09:41:20.000Z"]
            elif field in _EXAMPLES and (types[0].get("type") != "array") != isinstance(
                _EXAMPLES[field], list
            ):
                described["examples"] = [_EXAMPLES[field]]
