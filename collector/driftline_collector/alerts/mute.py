"""Stages that hold an alert back, each with a name for its reason. Evaluating goes on behind them.

A stage sees the segment that would fire and the alerts that fire already. Silences set by operators are no
stage: behind them alerts fire all the same, and only what is said of them waits (see `held`).
"""

from collections.abc import Callable, Iterable

from driftline_schemas.segments import Segment

from driftline_collector.alerts.rules import Rule
from driftline_collector.alerts.state import Alert

Stage = Callable[[Rule, Segment, Iterable[Alert]], str | None]


def covered(rule: Rule, segment: Segment, active: Iterable[Alert]) -> str | None:
    """A finding within a segment that fires already is part of what was said.

    The smallest explaining set wavers where effects are weak; each wavering would ring again.
    """
    if not rule.limitless:
        return None
    for alert in active:
        same_rule = alert.state == "firing" and alert.rule == rule.name
        if same_rule and alert.segment != segment and alert.segment.contains(segment):
            return "covered"
    return None


STAGES: tuple[Stage, ...] = (covered,)


def muted(rule: Rule, segment: Segment, active: Iterable[Alert]) -> str | None:
    """Why an alert is held back, `None` where it is not."""
    firing = list(active)
    return next((reason for stage in STAGES if (reason := stage(rule, segment, firing))), None)
