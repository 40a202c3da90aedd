"""When windows are judged, by what, and against what."""

from pydantic import Field, model_validator

from driftline_collector.settings_types import (
    SECOND,
    Against,
    Duration,
    Judge,
    OwnSegments,
    Positive,
    Section,
    WrongAtError,
    Zone,
)


class EvaluationSettings(Section):
    """When windows are judged, and what counts as drift."""

    window: Positive = Field(default=3600 * SECOND, description="Closed windows of this length are judged.")
    lateness: Duration = Field(
        default=600 * SECOND, description="How long a window waits for devices that have not reported."
    )
    future_tolerance: Duration = Field(
        default=300 * SECOND, description="Data from further ahead is kept, not evaluated."
    )
    history: Duration = Field(
        default=7 * 86400 * SECOND, description="How far back late data may revise an evaluation."
    )
    minimum_effect: float = Field(default=0.02, gt=0, description="The PSI that is worth an alert.")
    false_discovery: float = Field(
        default=0.05, gt=0, lt=1, description="Share of false findings that is accepted."
    )
    minimum_rows: float = Field(
        default=50, ge=1, description="Effective rows below which data are insufficient."
    )
    detector: Judge = Field(default="psi", description="Whose test gives the verdicts of drift.")
    detectors: dict[str, Judge] = Field(
        default={}, description="The same for single models, by name, where it is another one."
    )
    reference: Against = Field(
        default="registered",
        description="What windows are compared with: the registered reference, or the model's own past.",
    )
    references: dict[str, Against] = Field(default={}, description="The same for single models, by name.")
    segments: OwnSegments | None = Field(
        default=None,
        description="Which of the devices' own segments are judged; those they send, where nothing is said.",
    )
    model_segments: dict[str, OwnSegments] = Field(
        default={}, description="The same for single models, by name."
    )
    time_zones: dict[str, Zone] = Field(
        default={}, description="The time zones of regions, for hours of the week; UTC where none is told."
    )

    @model_validator(mode="after")
    def _history_holds_a_window(self) -> "EvaluationSettings":
        if self.history < self.window:
            raise WrongAtError("expected at least one window", "history")
        return self
