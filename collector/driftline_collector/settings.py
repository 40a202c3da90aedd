"""The one validated settings tree, from a YAML file and the environment.

A value is taken from the environment (`DRIFTLINE_SERVER__PORT=4400`), else from the file, else it is the
default. Durations are written `500ms`, `5s`, `10m`, `1h` or `1d`, and held in nanoseconds, as all times are.
"""

from functools import cache
from pathlib import Path
from typing import Any

from driftline_schemas.segments import Segment
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from driftline_collector.alerts.rules import Measure, Rule, Severity
from driftline_collector.environment import PREFIX, variables
from driftline_collector.errors import Problem, SettingsError
from driftline_collector.settings_evaluation import EvaluationSettings
from driftline_collector.settings_file import SettingsFile, read
from driftline_collector.settings_problems import misnamed_variables, problems_of, unreadable_variable
from driftline_collector.settings_retention import RetentionSettings
from driftline_collector.settings_types import (
    SECOND,
    Detector,
    Dimension,
    Duration,
    OptionalPort,
    Origin,
    Positive,
    Section,
    SegmentKey,
    SigningSecret,
    Size,
    Url,
    WrongAtError,
    distinct,
)


class StoreSettings(Section):
    """Where data are kept."""

    path: Path = Field(
        default=Path("driftline.duckdb"), description="The database file; made when it is not there."
    )
    copy_before_migration: bool = Field(
        default=True, description="Whether a file of an earlier driftline is copied before it is changed."
    )
    memory: Size = Field(
        default=96 * 10**6,
        ge=32 * 10**6,
        description="The database's share of memory; what it needs beyond goes to files beside it.",
    )
    remember: Positive = Field(
        default=30 * 86400 * SECOND,
        description="How long repeats are known after a stream's last word; longer than any spool lasts.",
    )


class ServerSettings(Section):
    """Where the collector listens, and how much it takes."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(default=4318, ge=0, le=65535, description="OTLP/HTTP and API; 0 takes a free one.")
    grpc_port: OptionalPort = Field(
        default=4317, description="OTLP/gRPC; off for none, 0 for a free one, as it is where port is 0."
    )
    cors_origins: tuple[Origin, ...] = Field(
        default=(), description="Web pages that may send telemetry, such as https://shop.example."
    )
    max_body_bytes: int = Field(
        default=64 * 2**20, ge=1024, description="Largest request, after decompression."
    )
    queue_requests: int = Field(
        default=512,
        ge=1,
        description="Requests that may wait for a commit before clients are asked to come back.",
    )
    public_url: Url | None = Field(
        default=None, description="Where people open the dashboard, for links in alerts."
    )

    @model_validator(mode="before")
    @classmethod
    def _both_ports_free(cls, given: Any) -> Any:
        """Who takes any port for HTTP has something on the usual ones, or a second collector in mind."""
        any_port = isinstance(given, dict) and str(given.get("port")) == "0"
        return {"grpc_port": 0, **given} if any_port else given


class RuleSettings(Section):
    """When a number that was evaluated becomes an alert. `drift` without a limit fires on findings."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    name: str = Field(min_length=1, description="Shown in alerts; alerts are told apart by rule and segment.")
    measure: Measure = Field(description="The evaluated number.")
    detector: Detector | None = Field(
        default=None, description="For drift with a limit: whose score is compared with it; PSI without one."
    )
    above: float | None = Field(default=None, description="Fires when the value is greater.")
    below: float | None = Field(default=None, description="Fires when the value is less.")
    sure: bool = Field(
        default=False, description="Compare the interval's near end with the limit, not the value."
    )
    hold: Duration = Field(default=0, alias="for", description="How long it must hold, in closed windows.")
    resolve_after: Duration = Field(default=0, description="How long it must be over before it is resolved.")
    severity: Severity = "warning"
    segment: SegmentKey | None = Field(
        default=None,
        description="The segment to watch; without one, each model as a whole (drift: any finding).",
    )
    each: tuple[Dimension, ...] = Field(
        default=(), description="Watch each of these within the segment by itself."
    )
    notify: tuple[str, ...] | None = Field(default=None, description="Names of notifiers; all when absent.")

    @model_validator(mode="after")
    def _can_be_judged(self) -> "RuleSettings":
        if self.measure != "drift" and self.above is None and self.below is None:
            raise ValueError(f"a rule on {self.measure} needs a limit: above or below")
        if self.sure and self.above is None and self.below is None:
            raise ValueError("'sure' compares with a limit: above or below is missing")
        if self.each and self.limitless:
            raise ValueError("'each' goes with a limit; without one, drift names the segments itself")
        if self.segment and (twice := [d for d in self.each if Segment.parse(self.segment)[d]]):
            raise ValueError(f"'each' splits by {twice[0]}, which 'segment' has narrowed down already")
        return self

    @model_validator(mode="after")
    def _has_a_score(self) -> "RuleSettings":
        if self.detector and (self.measure != "drift" or self.limitless):
            raise ValueError("'detector' is for rules on drift with a limit: above")
        if self.detector and self.sure:
            raise ValueError("'sure' compares an interval, which the score of a detector does not have")
        return self

    @property
    def limitless(self) -> bool:
        return self.above is None and self.below is None

    def rule(self) -> Rule:
        """This rule as the alerts know it."""
        return Rule(
            name=self.name,
            measure=self.measure,
            detector=self.detector,
            above=self.above,
            below=self.below,
            sure=self.sure,
            hold_ns=self.hold,
            resolve_after_ns=self.resolve_after,
            severity=self.severity,
            segment=Segment.parse(self.segment) if self.segment else None,
            each=self.each,
            notify=self.notify,
        )


class AlertSettings(Section):
    """What is worth an alert."""

    rules: tuple[RuleSettings, ...] = Field(
        default=(RuleSettings(name="drift", measure="drift"),),
        description="Without any, the one rule 'drift'.",
    )

    @model_validator(mode="after")
    def _names_aredistinct(self) -> "AlertSettings":
        distinct((rule.name for rule in self.rules), "rules")
        return self


class WebhookSettings(Section):
    """A receiver of signed HTTP requests."""

    url: Url = Field(repr=False, description="Where to POST. Often a secret itself, so it is not shown.")
    secret: SigningSecret = Field(
        description="Signs the requests by the Standard Webhooks scheme: whsec_ and base64."
    )
    timeout: Positive = Field(default=10 * SECOND, description="How long an answer may take.")


class NotifierSettings(Section):
    """Somebody to tell."""

    name: str = Field(min_length=1, description="How rules name it in 'notify'.")
    webhook: WebhookSettings


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    store: StoreSettings = StoreSettings()
    server: ServerSettings = ServerSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()
    notifiers: tuple[NotifierSettings, ...] = ()

    @model_validator(mode="after")
    def _notifiers_exist(self) -> "Settings":
        distinct((notifier.name for notifier in self.notifiers), "notifiers")
        known = {notifier.name for notifier in self.notifiers}
        for i, rule in enumerate(self.alerts.rules):
            if unknown := set(rule.notify or ()) - known:
                message = (
                    f"there is no notifier {min(unknown)!r}; known are: {', '.join(sorted(known)) or 'none'}"
                )
                raise WrongAtError(message, "alerts", "rules", i, "notify")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; nothing else is read."""
        return env_settings, init_settings


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema of a configuration file."""
    return Settings.model_json_schema()


def load(path: Path | None = None) -> Settings:
    """Read and check the configuration; with no file and an empty environment, the defaults.

    Raises SettingsError with every mistake, each with its file and line or its environment variable.
    """
    file = read(path) if path else SettingsFile("configuration", {})
    schema, environ = json_schema(), variables()
    problems = misnamed_variables(environ, PREFIX, schema)
    document = {str(key): value for key, value in file.document.items()}
    # To pydantic-settings a leading underscore means its own options, such as _env_file.
    for key in [key for key in document if key.startswith("_")]:
        del document[key]
        problems.append(Problem(file.where, file.line((key,)), key, "unknown key"))
    try:
        settings = Settings(**document)
    except UnreadableVariable as error:
        raise SettingsError((*problems, unreadable_variable(str(error), PREFIX))) from error
    except ValidationError as error:
        problems += problems_of(error.errors(), file, environ, PREFIX, schema)
        raise SettingsError(tuple(sorted(problems, key=lambda p: (p.where, p.line)))) from error
    if problems:
        raise SettingsError(tuple(problems))
    return settings
