"""The settings of what is kept, in which form and for how long."""

from typing import Literal

from pydantic import Field, model_validator

from driftline_collector.settings_types import SECOND, Age, Positive, Section, Size, WrongAtError, format_size
from driftline_collector.store.kinds import Kind
from driftline_collector.store.retention import Keep, RetentionPolicy

_DAY = 86400 * SECOND
#: The log and the journal alone may take 150 MB.
_LEAST = 500 * 10**6
#: What each kind that may be shed has, of tables.
_SHED = {"spans": "spans", "logs": "logs", "metrics": "metrics", "samples": "predictions"}


_AGE = "From the end of the day it is of; or forever."
_MOST = "Above this the oldest days of this kind go; without it, none do."


class SampleSettings(Section):
    """How long predictions and their labels are kept, and how much of them."""

    keep: Age = Field(default=365 * _DAY, description=_AGE)
    most: Size | None = Field(default=None, description=_MOST)


class ProfileSettings(Section):
    """How long counts are kept, and how much of them."""

    keep: Age = Field(default=None, description=_AGE)
    most: Size | None = Field(default=None, description=_MOST)


class TelemetrySettings(Section):
    """How long everybody's telemetry is kept, and how much of it."""

    keep: Age = Field(default=30 * _DAY, description=_AGE)
    most: Size | None = Field(default=None, description=_MOST)


class JudgedSettings(Section):
    """How long evaluations are kept."""

    keep: Age = Field(default=400 * _DAY, description=_AGE)


class RetentionSettings(Section):
    """What is kept, in which form, and for how long; what is given up where room runs out."""

    archive_after: Positive = Field(
        default=2 * _DAY, description="A day goes to Parquet files so long after its end."
    )
    most: Size | None = Field(
        default=None, description="All files of the store together; above it the oldest days go."
    )
    samples: SampleSettings = SampleSettings()
    profiles: ProfileSettings = ProfileSettings()
    spans: TelemetrySettings = TelemetrySettings()
    logs: TelemetrySettings = TelemetrySettings()
    metrics: TelemetrySettings = TelemetrySettings()
    evaluations: JudgedSettings = JudgedSettings()
    profiles_hourly_after: Age = Field(
        default=30 * _DAY, description="From this age on profiles are summed over hours; or forever: never."
    )
    profiles_daily_after: Age = Field(
        default=365 * _DAY, description="From this age on profiles are summed over days; or forever: never."
    )
    reserve: Size | None = Field(
        default=None, description="Kept free on the disk; by default a twentieth of it, at most 1 GiB."
    )
    shed: tuple[Literal["spans", "logs", "metrics", "samples"], ...] = Field(
        default=("spans", "logs", "metrics"),
        description="Kinds that are given up while less than the reserve is free.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "RetentionSettings":
        if self.most is not None and self.most < _LEAST:
            raise WrongAtError(f"expected at least {format_size(_LEAST)}", "most")
        hours, days = self.profiles_hourly_after, self.profiles_daily_after
        if hours is not None and hours < self.archive_after:
            raise WrongAtError("expected at least archive_after", "profiles_hourly_after")
        if days is not None and days < (hours or self.archive_after):
            raise WrongAtError("expected at least profiles_hourly_after", "profiles_daily_after")
        for kind, keep in self._kinds().items():
            if keep.keep is not None and keep.keep < self.archive_after + _DAY:
                raise WrongAtError("expected at least archive_after and a day", kind, "keep")
        return self

    def policy(self, history_ns: int, ahead_ns: int) -> RetentionPolicy:
        """As the store knows it. What may still be judged again, of `history_ns`, is neither summed nor gone.

        Windows that end `ahead_ns` after their receipt are not evaluated.
        """
        kinds: dict[Kind, Keep] = {
            kind: Keep(age_ns=_longer(keep.keep, history_ns), most_bytes=keep.most)
            for kind, keep in self._kinds().items()
        }
        kinds["evaluations"] = Keep(age_ns=_longer(self.evaluations.keep, history_ns))
        return RetentionPolicy(
            archive_after_ns=self.archive_after,
            kinds=kinds,
            most_bytes=self.most,
            history_ns=history_ns,
            hours_after_ns=_longer(self.profiles_hourly_after, history_ns),
            days_after_ns=_longer(self.profiles_daily_after, history_ns),
            ahead_ns=ahead_ns,
        )

    def shed_tables(self) -> list[str]:
        """What is shed, as tables."""
        return [_SHED[kind] for kind in self.shed]

    def _kinds(self) -> dict[Kind, SampleSettings | ProfileSettings | TelemetrySettings]:
        return {
            "spans": self.spans,
            "logs": self.logs,
            "metrics": self.metrics,
            "samples": self.samples,
            "profiles": self.profiles,
        }


def _longer(age_ns: int | None, history_ns: int) -> int | None:
    return None if age_ns is None else max(age_ns, history_ns)
