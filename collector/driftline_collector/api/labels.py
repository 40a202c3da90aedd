"""Ground truth that comes by another road than the device: as JSON or CSV."""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from driftline_collector.answers.records import LabelsTaken
from driftline_collector.api.parts import Parts
from driftline_collector.api.problems import ProblemError
from driftline_collector.api.values import read_time

FIELDS = ("prediction_id", "label", "value", "source", "probability", "time")
_LONGEST_BODY = 64 * 2**20
_ERRORS_SHOWN = 20
_EXAMPLES = 5
_LABEL: dict[str, Any] = {
    "type": "object",
    "required": ["prediction_id"],
    "additionalProperties": False,
    "properties": {
        "prediction_id": {"type": "string", "description": "The prediction's id"},
        "label": {"type": ["string", "integer", "null"], "description": "The right answer"},
        "value": {"type": ["number", "null"], "description": "The right number, of a regression"},
        "source": {"type": ["string", "null"], "description": "Who says so"},
        "probability": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "How likely this prediction was to be labelled",
        },
        "time": {"type": ["string", "null"], "description": "When; now, where nothing is said"},
    },
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "array", "items": _LABEL},
            "example": [{"prediction_id": "01938a2b-7c1d-7e3f-8a4b-5c6d7e8f9a0b", "label": "7"}],
        },
        "text/csv": {
            "schema": {"type": "string"},
            "example": "prediction_id,label\n01938a2b-7c1d-7e3f-8a4b-5c6d7e8f9a0b,7\n",
        },
    },
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is neither JSON nor UTF-8"},
    413: {"description": "The body is longer than 64 MiB"},
    415: {"description": "The content type is neither application/json nor text/csv"},
}
ROWS = pa.schema(
    [
        pa.field("time_ns", pa.int64(), nullable=False),
        pa.field("prediction_id", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("source", pa.string()),
        pa.field("probability", pa.float64()),
    ]
)


def routes(parts: Parts) -> APIRouter:
    """`POST /labels`."""
    router = APIRouter(tags=["labels"])

    @router.post("/labels", openapi_extra={"requestBody": _BODY}, responses=_REFUSALS)
    async def labels(request: Request) -> LabelsTaken:
        """Take labels, all of them or (where one is wrong) none: a JSON list, or CSV with a header line.

        Fields: prediction_id, label or value; and where known source, time, and probability: how likely this
        prediction was to be labelled. A label without its prediction waits for it.
        """
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_BODY:
                raise ProblemError(413, f"more than {_LONGEST_BODY} bytes; send them in parts")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        rows = _read(bytes(body), kind, parts.now())
        return await run_in_threadpool(_take, parts, rows)

    return router


def _take(parts: Parts, rows: list[dict[str, Any]]) -> LabelsTaken:
    if rows:
        parts.store.submit({"labels": pa.Table.from_pylist(rows, schema=ROWS)}).result()
    known = parts.store.known_predictions([row["prediction_id"] for row in rows])
    missing = [row["prediction_id"] for row in rows if row["prediction_id"] not in known]
    return LabelsTaken(
        accepted=len(rows),
        matched=len(rows) - len(missing),
        unmatched=len(missing),
        unmatched_examples=tuple(missing[:_EXAMPLES]),
    )


def _read(body: bytes, kind: str, now_ns: int) -> list[dict[str, Any]]:
    rows, errors = [], []
    for number, record in _records(body, kind):
        try:
            rows.append(_label(record, now_ns))
        except ProblemError as refused:
            errors.append({"where": f"row {number}", "message": refused.detail})
    if errors:
        raise ProblemError(
            422,
            f"{len(errors)} of the labels are wrong, so none was taken; the first is {errors[0]['where']}:"
            f" {errors[0]['message']}",
            errors=errors[:_ERRORS_SHOWN],
        )
    return rows


def _records(body: bytes, kind: str) -> Iterator[tuple[int, Any]]:
    """Numbered records: items of the list from 1, or lines of the CSV file."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    if kind == "application/json":
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ProblemError(400, f"the body is not JSON: {error}") from None
        if not isinstance(document, list):
            raise ProblemError(422, 'expected a list such as [{"prediction_id": "…", "label": "7"}]')
        yield from enumerate(document, 1)
    elif kind == "text/csv":
        reader = csv.DictReader(io.StringIO(text), restkey="", strict=True)
        _check_header(reader.fieldnames or ())
        try:
            for record in reader:
                yield reader.line_num, {name: value or None for name, value in record.items()}
        except csv.Error as error:
            raise ProblemError(422, f"line {reader.line_num} is not CSV: {error}") from None
    else:
        raise ProblemError(415, f"content type {kind!r} is not known here; send application/json or text/csv")


def _check_header(names: Any) -> None:
    if "prediction_id" not in names or not {"label", "value"} & set(names):
        raise ProblemError(
            422,
            f"the first line names the columns {', '.join(names) or '(none)'}; expected prediction_id, label"
            " and perhaps value, source, probability, time",
        )
    if unknown := [name for name in names if name not in FIELDS]:
        raise ProblemError(422, f"unknown column {unknown[0]!r}; known are {', '.join(FIELDS)}")


def _label(record: Any, now_ns: int) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise ProblemError(422, "expected an object with prediction_id and label")
    if unknown := [name for name in record if name not in FIELDS]:
        raise ProblemError(
            422,
            f"unknown field {unknown[0]!r}; known are {', '.join(FIELDS)}"
            if unknown[0]
            else "more fields than the first line has names",
        )
    identity, label, source = (_text(record.get(name), name) for name in ("prediction_id", "label", "source"))
    if identity is None:
        raise ProblemError(422, "prediction_id is missing")
    value = _number(record.get("value"), "value")
    if (label is None) == (value is None):
        raise ProblemError(422, "expected one of label and value")
    probability = _number(record.get("probability"), "probability")
    if probability is not None and not 0 < probability <= 1:
        raise ProblemError(422, f"probability {probability!r} is not in (0, 1]")
    time = _text(record.get("time"), "time")
    return {
        "time_ns": read_time(time, "time", now_ns) if time else now_ns,
        "prediction_id": identity,
        "label": label,
        "value": value,
        "source": source,
        "probability": probability,
    }


def _text(value: Any, name: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise ProblemError(422, f"{name} {value!r} is not text")


def _number(value: Any, name: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if isinstance(value, bool) or not math.isfinite(number):
        raise ProblemError(422, f"{name} {value!r} is not a number")
    return number
