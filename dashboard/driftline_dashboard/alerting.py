"""Tables of the system page: what becomes an alert, who is told, and what messages are held back about."""

from driftline_collector.client import RuleState, Silence, System

from driftline_dashboard import layout, words
from driftline_dashboard.findings import measure_name, measured


def rules(found: System) -> None:
    """What becomes an alert."""
    layout.section("Rules", "What becomes an alert, and how many there are now.")
    if not found.rules:
        layout.empty("There are no rules: nothing becomes an alert.", "Add some under alerts.rules.")
        return
    layout.table(
        ("Rule", "When", "Where", "Severity", "Firing", "Pending"),
        [
            (
                rule.name,
                when(rule),
                "everywhere" if rule.segment is None else words.where(rule.segment, model=True),
                rule.severity,
                words.count(rule.firing),
                words.count(rule.pending),
            )
            for rule in found.rules
        ],
        numbers=(4, 5),
        says="Rules with how many alerts each has",
    )


def when(rule: RuleState) -> str:
    """`Accuracy below 90 %, for 10 min`, or that a finding is enough."""
    bounds = [
        f"{word} {measured(rule.measure, bound)}"
        for word, bound in (("above", rule.above), ("below", rule.below))
        if bound is not None
    ]
    text = f"{measure_name(rule.measure)} {' or '.join(bounds) or 'over the limit'}"
    return f"{text}, for {words.duration(rule.hold_s)}" if rule.hold_s else text


def notifiers(found: System) -> None:
    """Whom messages go to, and how that went."""
    layout.section("Who is told")
    if not found.notifiers:
        layout.empty(
            "Nobody: there is no notifier, so alerts show here only.",
            "Add a webhook under notifiers in driftline.yaml, and try it:",
            "driftline alerts test",
        )
        return
    now = words.parse_time(found.as_of)
    layout.table(
        ("Notifier", "Last delivered (UTC)", "Waiting", "Failed", "Last error"),
        [
            (
                each.name,
                words.clock(moment, today=now)
                if (moment := words.parse_time(each.last_delivered))
                else "never",
                words.count(each.queued),
                words.count(each.failed),
                each.last_error or "none",
            )
            for each in found.notifiers
        ],
        numbers=(2, 3),
        says="Notifiers with what they delivered",
    )


def silences(found: System) -> None:
    """What messages are held back about; nothing where there is no silence."""
    if not found.silences:
        return
    layout.section("Silences", "Evaluation goes on; only messages stop.")
    now = words.parse_time(found.as_of)
    layout.table(
        ("What", "Who", "Why", "Until (UTC)", "Alerts", "End it with"),
        [
            (
                silenced(each),
                each.author,
                each.reason,
                words.clock(words.parse_time(each.end), today=now)
                if each.state == "active"
                else words.stretch(words.parse_time(each.start), words.parse_time(each.end), today=now),
                words.count(len(each.alerts)),
                f"driftline alerts unsilence {each.id}",
            )
            for each in found.silences
        ],
        numbers=(4,),
        says="Silences that hold now or will, with how many firing alerts each holds back",
    )


def silenced(silence: Silence) -> str:
    """`digits, camera-a · rule drift · sharpness`: what a silence is about."""
    parts = [words.where(silence.segment, model=True)]
    if silence.rule is not None:
        parts.append(f"rule {silence.rule}")
    if silence.measure is not None:
        parts.append(measure_name(silence.measure))
    return " · ".join([*parts, *silence.features])
