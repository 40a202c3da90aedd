"""What a Monitor was asked for, checked. The only module of the SDK that reads the environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from driftline_schemas.attributes import DEPLOYMENT_ENVIRONMENT, SERVICE_NAME, SERVICE_VERSION, TIERS
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from driftline_schemas.segments import UNKNOWN

from driftline._errors import ConfigurationError
from driftline._privacy import Privacy

DEFAULT_ENDPOINT = "http://localhost:4318"
MAX_SEGMENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device that the model runs on. `id` is as its owner calls it; `type` and `region` group devices."""

    id: str
    type: str = UNKNOWN
    region: str = UNKNOWN
    firmware: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "type", "region"):
            if not isinstance(value := getattr(self, name), str) or not value:
                raise ConfigurationError(f"device.{name} is {value!r}; expected a text that is not empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that the threads behind a Monitor need to know. Times in ns, sizes in bytes."""

    model: str
    version: str
    device: Device
    tier: str
    segment: Mapping[str, str]
    reference: Reference | None
    privacy: Privacy
    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    certificate: str | None
    timeout: float
    window_ns: int
    flush_interval: float
    sample_rate: float
    trace_sample_rate: float
    escalate_below: float | None
    escalated_sample_rate: float
    spool_dir: Path
    spool_dir_given: bool
    max_spool_bytes: int
    max_buffer: int
    recent: int
    resource: Mapping[str, str]
    strict: bool


def load_reference(reference: Reference | str | Path | None, model: str, version: str) -> Reference | None:
    """The reference for this model version. Raises ConfigurationError for one that is not."""
    if reference is None:
        return None
    where = "reference" if isinstance(reference, Reference) else f"reference {str(reference)!r}"
    try:
        loaded = reference if isinstance(reference, Reference) else Reference.load(reference)
        return loaded.named(model, version)
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror or error}") from error
    except SchemaError as error:
        raise ConfigurationError(
            f"{where} does not fit model {model!r}, version {version!r}: {error}; "
            "make one with driftline.Reference.from_data(…).save(…), or leave the argument out"
        ) from error


def text(name: str, value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} is {value!r}; expected a text that is not empty")
    return value


def number(name: str, value: Any, *, low: float, high: float, unit: str = "") -> float:
    """A number within [low, high]."""
    try:
        ok = not isinstance(value, bool) and low <= float(value) <= high
    except (TypeError, ValueError):
        ok = False
    if not ok:
        raise ConfigurationError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}{unit}")
    return float(value)


def tier(value: object) -> str:
    """One of the five layers."""
    if value not in TIERS:
        raise ConfigurationError(f"tier is {value!r}; expected one of {', '.join(TIERS)}")
    return str(value)


def segment(value: Mapping[str, str] | None) -> dict[str, str]:
    """The user's own dimensions: few, because each value is a segment of its own."""
    given = dict(value or {})
    if len(given) > MAX_SEGMENTS:
        raise ConfigurationError(f"segment has {len(given)} dimensions; at most {MAX_SEGMENTS}")
    for name, part in given.items():
        if not isinstance(name, str) or not name or not isinstance(part, str) or not part:
            raise ConfigurationError(f"segment[{name!r}] is {part!r}; expected texts that are not empty")
    return given


def endpoint(value: str | None) -> str:
    """Base address of the collector: the argument, OTEL_EXPORTER_OTLP_ENDPOINT, or this machine."""
    given = value if value is not None else os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    parts = urlsplit(given) if isinstance(given, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"endpoint is {given!r}; expected an address like 'https://collector:4318'")
    return str(given).rstrip("/")


def headers(value: Mapping[str, str] | None) -> dict[str, str]:
    """What each request carries: OTEL_EXPORTER_OTLP_HEADERS, and over it the argument."""
    return _pairs(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")) | dict(value or {})


def certificate() -> str | None:
    """The bundle of certificates to trust instead of the usual ones."""
    return os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or None


def resource(model: str, version: str) -> dict[str, str]:
    """The part of the resource that is no business of driftline's own, as OpenTelemetry's variables set it."""
    given = _pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    given[SERVICE_NAME] = os.environ.get("OTEL_SERVICE_NAME") or given.get(SERVICE_NAME) or model
    given.setdefault(SERVICE_VERSION, version)
    kept = (SERVICE_NAME, SERVICE_VERSION, DEPLOYMENT_ENVIRONMENT)
    return {name: given[name] for name in kept if name in given}


def spool_dir(value: str | Path | None, model: str, device: str) -> Path:
    """Where the spools of this model on this device lie: a folder of their own, so that nobody else's
    leftovers are taken over under a wrong name."""
    if value is None:
        state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        value = os.environ.get("DRIFTLINE_SPOOL_DIR") or os.path.join(state, "driftline")
    return Path(value) / quote(model, safe="") / quote(device, safe="")


def strict(value: bool | None) -> bool:
    """Whether mistakes raise: said so, or else where pytest runs, so that they show in the user's tests."""
    return "_pytest" in sys.modules if value is None else value


def _pairs(value: str) -> dict[str, str]:
    parts = (part.partition("=") for part in value.split(",") if "=" in part)
    return {unquote(name.strip()): unquote(content.strip()) for name, _, content in parts}
