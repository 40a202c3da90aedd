"""What a Monitor was asked for, checked. The only module of the SDK that reads the environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from driftline_schemas.attributes import DEPLOYMENT_ENVIRONMENT, SERVICE_NAME, SERVICE_VERSION, TIERS
from driftline_schemas.errors import SchemaError
from driftline_schemas.reference import Reference
from driftline_schemas.segments import UNKNOWN

from driftline._breaker import Limits
from driftline._drain import Drain
from driftline._errors import ConfigurationError
from driftline._privacy import Privacy

DEFAULT_ENDPOINT = "http://localhost:4318"
MAX_SEGMENTS = 8
MIN_SPOOL_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device that the model runs on. `id` is as its owner calls it; `type` and `region` group devices."""

    id: str
    type: str = UNKNOWN
    region: str = UNKNOWN
    firmware: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "type", "region"):
            _text(f"device.{name}", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where requests go, and where they wait. Raises ConfigurationError for a wrong value."""

    endpoint: str
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    spool_dir: Path
    #: Whether the user named it: then it is used, or refused; a default is done without.
    spool_dir_given: bool
    max_spool_bytes: int
    drain: Drain
    certificate: str | None
    #: Whether the environment says that nothing is to be done.
    disabled: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.drain, Drain):
            raise ConfigurationError(
                f"drain is {self.drain!r}; expected driftline.Drain(bytes_per_second=…, order=…)"
            )
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                f"endpoint is {self.endpoint!r}; expected an address like 'https://collector:4318'"
            )
        for name, low, high, unit in _RANGES:
            if hasattr(self, name):
                _number(name, getattr(self, name), low, high, unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Destination):
    """All that a Monitor and the threads behind it need to know. Raises ConfigurationError for a wrong value.

    Fields are the arguments of `Monitor` of the same name, and what the environment adds.
    """

    model: str
    version: str
    device: Device
    tier: str
    reference: Reference | None
    segment: Mapping[str, str]
    window: float
    flush_interval: float
    sync_interval: float
    sample_rate: float
    trace_sample_rate: float
    escalate_below: float | None
    escalated_sample_rate: float
    privacy: Privacy
    limits: Limits
    max_buffer: int
    recent: int
    strict: bool
    resource: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise ConfigurationError(f"tier is {self.tier!r}; expected one of {', '.join(TIERS)}")
        if not isinstance(self.privacy, Privacy):
            raise ConfigurationError(
                f"privacy is {self.privacy!r}; expected driftline.Privacy(allow=…, deny=…)"
            )
        if not isinstance(self.limits, Limits):
            raise ConfigurationError(f"limits is {self.limits!r}; expected driftline.Limits(cpu=…, memory=…)")
        self._check_segment()
        Destination.__post_init__(self)

    def _check_segment(self) -> None:
        """Few, because each value is a segment of its own."""
        if len(self.segment) > MAX_SEGMENTS:
            raise ConfigurationError(f"segment has {len(self.segment)} dimensions; at most {MAX_SEGMENTS}")
        for name, value in self.segment.items():
            _text("a name in segment", name)
            _text(f"segment[{name!r}]", value)

    @property
    def tick_interval(self) -> float:
        """Seconds between two ticks of the worker; where each record is synced, `record` asks for more."""
        return min(self.flush_interval, self.sync_interval) if self.sync_interval else self.flush_interval

    @property
    def window_ns(self) -> int:
        return round(self.window * 1e9)


_RANGES = (
    ("timeout", 0.001, 600, " seconds"),
    ("window", 0.1, 86_400, " seconds"),
    ("flush_interval", 0.01, 3600, " seconds"),
    ("sync_interval", 0, 3600, " seconds"),
    ("sample_rate", 0, 1, ""),
    ("trace_sample_rate", 0, 1, ""),
    ("escalated_sample_rate", 0, 1, ""),
    ("max_spool_bytes", MIN_SPOOL_BYTES, 2**50, " bytes"),
    ("max_buffer", 1, 2**30, " rows"),
    ("recent", 0, 2**30, " predictions"),
)


def gather(
    *,
    model: str,
    version: str,
    device: Device,
    reference: Reference | str | Path | None,
    segment: Mapping[str, str] | None,
    endpoint: str | None,
    headers: Mapping[str, str] | None,
    sample_rate: float,
    trace_sample_rate: float | None,
    escalate_below: float | None,
    privacy: Privacy | None,
    limits: Limits | None,
    drain: Drain | None,
    spool_dir: str | Path | None,
    strict: bool | None,
    **rest: Any,
) -> Settings:
    """A Monitor's arguments, filled up from the environment and checked. Raises ConfigurationError."""
    _text("model", model)
    _text("version", version)
    if not isinstance(device, Device):
        raise ConfigurationError(f"device is {device!r}; expected driftline.Device(id=…, type=…, region=…)")
    if escalate_below is not None:
        _number("escalate_below", escalate_below, -1e308, 1e308, "")
    return Settings(
        model=model,
        version=version,
        device=device,
        reference=load_reference(reference, model, version),
        segment=dict(segment or {}),
        endpoint=_endpoint(endpoint),
        headers=_headers(headers),
        sample_rate=sample_rate,
        trace_sample_rate=sample_rate if trace_sample_rate is None else trace_sample_rate,
        escalate_below=escalate_below,
        privacy=privacy or Privacy(),
        limits=limits or Limits(),
        drain=drain or Drain(),
        spool_dir=_spool_dir(spool_dir, model, device.id),
        spool_dir_given=spool_dir is not None,
        # Under pytest mistakes are raised, so that they show in the user's tests.
        strict="_pytest" in sys.modules if strict is None else strict,
        certificate=os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        resource=_resource(model, version),
        disabled=disabled(),
        **rest,
    )


def disabled() -> bool:
    """Whether DRIFTLINE_DISABLED is set to something that means yes."""
    return os.environ.get("DRIFTLINE_DISABLED", "").strip().lower() not in ("", "0", "false", "no", "off")


def destination(
    *,
    endpoint: str | None,
    headers: Mapping[str, str] | None,
    timeout: float,
    spool_dir: str | Path | None,
    max_spool_bytes: int,
    drain: Drain | None,
) -> Destination:
    """An exporter's arguments, filled up from the environment and checked. Raises ConfigurationError."""
    return Destination(
        endpoint=_endpoint(endpoint),
        headers=_headers(headers),
        timeout=timeout,
        # Beside the folders of models, none of which begins with a dot.
        spool_dir=_state(None) / ".opentelemetry" if spool_dir is None else _state(spool_dir),
        spool_dir_given=spool_dir is not None,
        max_spool_bytes=max_spool_bytes,
        drain=drain or Drain(),
        certificate=os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE"),
        disabled=disabled(),
    )


def _endpoint(given: str | None) -> str:
    return str(given or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def _headers(given: Mapping[str, str] | None) -> dict[str, str]:
    return _pairs(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")) | dict(given or {})


def load_reference(reference: Reference | str | Path | None, model: str, version: str) -> Reference | None:
    """The reference for this model version. Raises ConfigurationError for one that is not."""
    if reference is None:
        return None
    where = "reference" if isinstance(reference, Reference) else f"reference {str(reference)!r}"
    try:
        loaded = reference if isinstance(reference, Reference) else Reference.load(reference)
        # A device needs the bins: what was counted by hour is for the collector, and hundreds of kilobytes.
        return replace(loaded.named(model, version), hours=())
    except OSError as error:
        raise ConfigurationError(f"{where} cannot be read: {error.strerror or error}") from error
    except SchemaError as error:
        raise ConfigurationError(
            f"{where} does not fit model {model!r}, version {version!r}: {error}; "
            "make one with driftline.Reference.from_data(…).save(…), or leave the argument out"
        ) from error


def _text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} is {value!r}; expected a text that is not empty")


def _number(name: str, value: Any, low: float, high: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigurationError(f"{name} is {value!r}; expected a number from {low:g} to {high:g}{unit}")


def _resource(model: str, version: str) -> dict[str, str]:
    """The part of the resource that is not driftline's own, as OpenTelemetry's variables set it."""
    given = _pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    given[SERVICE_NAME] = os.environ.get("OTEL_SERVICE_NAME") or given.get(SERVICE_NAME) or model
    given.setdefault(SERVICE_VERSION, version)
    kept = (SERVICE_NAME, SERVICE_VERSION, DEPLOYMENT_ENVIRONMENT)
    return {name: given[name] for name in kept if name in given}


def _spool_dir(value: str | Path | None, model: str, device: str) -> Path:
    """A folder for this model on this device alone: what a process leaves behind is taken over by one that
    speaks for the same model and device."""
    # The dots, too: "." and ".." are names to quote(), but not to a file system.
    parts = [quote(name, safe="").replace(".", "%2E") for name in (model, device)]
    return _state(value).joinpath(*parts)


def _state(value: str | Path | None) -> Path:
    """The folder that was given, else the environment's, else the user's own."""
    if value is None:
        state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
        value = os.environ.get("DRIFTLINE_SPOOL_DIR") or state / "driftline"
    try:
        return Path(value).expanduser()
    except RuntimeError:  # nobody's home
        return Path("/var/tmp/driftline")  # noqa: S108


def _pairs(value: str) -> dict[str, str]:
    """OpenTelemetry's `key=value,key=value`, percent-encoded."""
    parts = (part.partition("=") for part in value.split(",") if "=" in part)
    return {unquote(name.strip()): unquote(content.strip()) for name, _, content in parts}
