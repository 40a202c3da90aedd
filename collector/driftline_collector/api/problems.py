"""Errors as RFC 9457 problem details: what is wrong, where, and what to do."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from driftline_schemas.errors import SchemaError
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from driftline_collector.errors import StoreError

_log = logging.getLogger(__name__)


MEDIA_TYPE = "application/problem+json"
#: Patterns of texts in requests, and what to write.
TEXT = r"\S"
LASTS = "^([0-9]{1,9})(s|m|h|d)$"
PATTERNS = {
    TEXT: "expected a text that is not blank",
    LASTS: "expected for how long, such as 90s, 30m, 4h or 7d",
}


class ProblemError(Exception):
    """A request that is answered with a problem. `errors` are its parts, where there are several."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}


def problem(
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document. `about:blank` as its type says: the status is the kind, the detail the rest."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [dict(error) for error in errors]
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def install(api: FastAPI) -> None:
    """Answer every error of this API with a problem."""

    @api.exception_handler(ProblemError)
    def refused(_: Request, error: ProblemError) -> JSONResponse:
        return problem(error.status, error.detail, errors=error.errors, headers=error.headers)

    @api.exception_handler(SchemaError)
    def malformed(_: Request, error: SchemaError) -> JSONResponse:
        return problem(422, str(error))

    @api.exception_handler(StoreError)
    def store_failed(_: Request, error: StoreError) -> JSONResponse:
        return problem(503, str(error), headers={"retry-after": "2"})

    @api.exception_handler(Exception)
    def fault(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "a fault of the collector; its log says which. Please report it")

    @api.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"where": ".".join(map(str, e["loc"])), "message": said(e)}
            for e in jsonable_encoder(error.errors())
        ]
        first = errors[0]
        return problem(422, f"{first['where']}: {first['message']}", errors=errors)

    @api.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if error.status_code == 404:
            detail = f"nothing is at {request.url.path}; GET /openapi.json lists what there is"
        headers = dict(error.headers or {})
        if error.status_code == 400:
            detail = "the body is not JSON in UTF-8; GET /openapi.json says what it should hold"
        if error.status_code == 405:
            allowed = ", ".join(sorted(documented(request))).upper()
            detail = f"{request.method} is not for {request.url.path}; {allowed or 'GET'} is"
            headers = {"allow": allowed} if allowed else headers
        return problem(error.status_code, detail, headers=headers)


def said(error: Mapping[str, Any]) -> str:
    """What pydantic says is wrong, in words: no regular expression, and no name for checks of our own."""
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS.get(error["ctx"]["pattern"], str(error["msg"]))
    return str(error["msg"]).removeprefix("Value error, ")


def documented(request: Request) -> Mapping[str, Any]:
    """Method → what the OpenAPI document says of it at the request's path; nothing where it is silent."""
    path, values = request.scope["path"], request.path_params
    items = request.app.openapi()["paths"].items()
    return next((item for template, item in items if _filled(template, values) == path), {})


def _filled(template: str, values: Mapping[str, Any]) -> str | None:
    try:
        return template.format(**values)
    except KeyError:
        return None
