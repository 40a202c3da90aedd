"""The kinds of values that settings have: how they are written, checked and shown."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from driftline_schemas.errors import SchemaError
from driftline_schemas.segments import USER_PREFIX, Segment
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
)

#: The detectors that have a p-value; the analysis, which knows them all, is not loaded for this.
Judge = Literal["psi", "chi_square", "kolmogorov_smirnov", "neyman_smooth"]
#: As in the analysis.
Against = Literal["registered", "hour_of_week", "rolling"]
Detector = Judge | Literal["jensen_shannon", "hellinger", "wasserstein"]

_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
SECOND = 10**9
FOREVER = "forever"
_DURATION = r"^\d+(\.\d+)?(ms|s|m|h|d)$"
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = r"^\d+(\.\d+)?(kB|MB|GB|TB)$"


class Section(BaseModel):
    """A part of the tree: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_duration(text: object) -> int:
    """`90s` as nanoseconds. Raises ValueError for anything but a number and one of ms, s, m, h, d."""
    if not isinstance(text, str) or not re.match(_DURATION, text):
        raise ValueError("expected a duration such as 500ms, 5s, 10m, 1h or 1d")
    unit = text.lstrip("0123456789.")
    return round(float(text.removesuffix(unit)) * _UNITS[unit])


def format_duration(ns: int) -> str:
    """Nanoseconds as the shortest text that `parse_duration` reads back."""
    unit, size = next((u, s) for u, s in reversed(_UNITS.items()) if ns % s == 0 or u == "ms")
    return f"{ns / size:g}{unit}" if ns else "0s"


def parse_size(text: object) -> int:
    """`96MB` as bytes. Raises ValueError for anything but a number and one of kB, MB, GB, TB."""
    if not isinstance(text, str) or not re.match(_SIZE, text):
        raise ValueError("expected a size such as 500MB, 20GB or 1TB")
    return round(float(text[:-2]) * _BYTES[text[-2:]])


def format_size(size: int) -> str:
    """Bytes as the shortest text that `parse_size` reads back."""
    unit, factor = next((u, f) for u, f in reversed(_BYTES.items()) if size % f == 0 or u == "kB")
    return f"{size / factor:g}{unit}"


def _age(value: object) -> int | None:
    if value is None or value == FOREVER:
        return None
    try:
        return _positive(parse_duration(value))
    except ValueError as error:
        raise ValueError(f"{error}, or {FOREVER}") from None


def _positive(ns: int) -> int:
    if ns <= 0:
        raise ValueError("expected a duration longer than 0s")
    return ns


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().removeprefix("whsec_")
    try:
        length = len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except binascii.Error:
        length = 0
    if not 24 <= length <= 64:
        raise ValueError(
            "expected whsec_ and 24 to 64 bytes in base64;"
            " make one with: echo whsec_$(openssl rand -base64 32)"
        )
    return value


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address that begins with http:// or https://")
    return text.rstrip("/")


def _segment(text: str) -> str:
    try:
        return str(Segment.parse(text))
    except SchemaError as error:
        example = "model=digits,version=*,device_type=*,region=*"
        raise ValueError(f"expected a segment key such as {example}; {error}") from None


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected a time zone of the IANA database, such as Europe/Berlin or UTC") from None
    return text


def _port(value: object) -> object:
    """`off`, which YAML reads as false, is none."""
    return None if value is False or value in ("off", "none") else value


def _origin(text: str) -> str:
    parts = urlsplit(text)
    bare = text == f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise ValueError("expected an origin such as https://shop.example or http://localhost:3000, no path")
    return text


class WrongAtError(ValueError):
    """A mistake that shows only when several values are seen together, and where it stands in its section."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def distinct(names: Iterable[str], *path: str | int) -> None:
    """Raise WrongAtError where the items of the list at `path` have a name twice."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            raise WrongAtError(f"{name!r} stands twice; each needs a name of its own", *path, i, "name")
        seen.add(name)


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["5s", "10m", "1h", "1d"]}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _SIZE, "examples": ["500MB", "20GB", "1TB"]}),
]
SigningSecret = Annotated[SecretStr, AfterValidator(_secret)]
#: What `each` splits by: what every device tells, or a segment of the user's own.
Dimension = Annotated[str, Field(pattern=r"^(version|device_type|region|segment\..+)$")]
_OwnName = Annotated[
    str, AfterValidator(lambda name: name.removeprefix(USER_PREFIX)), Field(min_length=1, max_length=512)
]
#: Names as in `Monitor(segment={"line": "A3"})`; in keys they have a prefix.
OwnSegments = Annotated[tuple[_OwnName, ...], Field(max_length=3)]
SegmentKey = Annotated[str, AfterValidator(_segment)]
Zone = Annotated[str, AfterValidator(_zone)]
Positive = Annotated[Duration, AfterValidator(_positive)]
#: How long something is kept; None: for ever.
Age = Annotated[
    int | None,
    BeforeValidator(_age),
    PlainSerializer(lambda age: FOREVER if age is None else format_duration(age), return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{FOREVER}$|{_DURATION}", "examples": ["30d", FOREVER]}),
]
OptionalPort = Annotated[
    Annotated[int, Field(ge=0, le=65535)] | None,
    BeforeValidator(_port),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 65535}, {"enum": ["off", False, None]}]}
    ),
]
Origin = Annotated[str, AfterValidator(_origin), WithJsonSchema({"type": "string", "format": "uri"})]
Url = Annotated[str, AfterValidator(_http_url)]
