"""Says what is wrong with a configuration in the words of the one who wrote it."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from driftline_collector.errors import Problem
from driftline_collector.settings_file import Path_, SettingsFile, dotted
from driftline_collector.settings_types import WrongAtError

Schema = Mapping[str, Any]
_SECRET_KEYS = ("secret", "url")


def problems_of(
    errors: Iterable[ErrorDetails],
    file: SettingsFile,
    environ: Mapping[str, str],
    prefix: str,
    schema: Schema,
) -> list[Problem]:
    """Turn pydantic's errors into problems with a line of the file, or the variable that was at fault."""
    found = []
    for error in errors:
        cause = error.get("ctx", {}).get("error")
        path: Path_ = error["loc"] + (cause.path if isinstance(cause, WrongAtError) else ())
        variable = _variable(path, environ, prefix)
        where, line = (variable, 0) if variable else (file.where, file.line(path))
        found.append(Problem(where, line, dotted(path), _message(error, path, schema)))
    return found


def misnamed_variables(environ: Mapping[str, str], prefix: str, schema: Schema) -> list[Problem]:
    """Variables that look like settings but name no section: a typing mistake would otherwise go unseen."""
    sections = list(schema["properties"])
    found = []
    for name in sorted(environ):
        section, nested, _ = name.removeprefix(prefix).partition("__")
        if name.startswith(prefix) and nested and section.lower() not in sections:
            meant = _meant(section.lower(), sections)
            found.append(Problem(f"environment variable {name}", 0, "", f"no such section{meant}"))
    return found


def unreadable_variable(message: str, prefix: str) -> Problem:
    """A variable that should hold JSON (a list or a whole section) and does not."""
    field = message.partition('"')[2].partition('"')[0]
    return Problem(f"environment variable {prefix}{field.upper()}", 0, "", "expected JSON")


def _variable(path: Path_, environ: Mapping[str, str], prefix: str) -> str | None:
    upper = {name.upper() for name in environ}
    for length in range(len(path), 0, -1):
        name = prefix + "__".join(str(part) for part in path[:length]).upper()
        if name in upper:
            return f"environment variable {name}"
    return None


def _message(error: ErrorDetails, path: Path_, schema: Schema) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return f"unknown key{_meant(str(path[-1]), list(_properties(schema, path[:-1])))}"
    return _expected(error, path, schema) + _found(error["input"], path) + _close(error)


def _expected(error: ErrorDetails, path: Path_, schema: Schema) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"expected {context['expected']}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"expected a number {error['msg'].removeprefix('Input should be ')}"
        case "int_parsing" | "int_type" | "int_from_float":
            return "expected a whole number"
        case "float_parsing" | "float_type":
            return "expected a number"
        case "bool_parsing" | "bool_type":
            return "expected true or false"
        case "string_type":
            return "expected text (put it in quotes)"
        case "string_too_short":
            return "expected a text that is not empty"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected keys: {', '.join(_properties(schema, path)) or 'a mapping'}"
        case "tuple_type" | "list_type":
            return "expected a list"
        case _:
            return f"{error['msg']}"


def _found(given: object, path: Path_) -> str:
    """What stood there, unless it is long, a whole section, or not to be shown."""
    if (path and path[-1] in _SECRET_KEYS) or isinstance(given, (dict, list, tuple)):
        return ""
    if given is None:
        return "; found nothing"
    text = repr(given)
    return f"; found {text}" if len(text) <= 60 else ""


def _meant(name: str, known: list[str]) -> str:
    if close := difflib.get_close_matches(name, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; expected one of {', '.join(known)}" if known else ""


def _close(error: ErrorDetails) -> str:
    """The choice that was probably meant, where there were some to choose from."""
    choices = str(error.get("ctx", {}).get("expected", "")).replace(" or ", ", ").replace("'", "").split(", ")
    close = difflib.get_close_matches(str(error["input"]), choices, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _properties(schema: Schema, path: Path_) -> Mapping[str, Any]:
    """The keys that the configuration's JSON Schema knows at a path."""
    node: Mapping[str, Any] = schema
    for part in path:
        node = _resolved(schema, node)
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    found: Mapping[str, Any] = _resolved(schema, node).get("properties", {})
    return found


def _resolved(schema: Schema, node: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in node:
        target: Mapping[str, Any] = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return target
    return node
