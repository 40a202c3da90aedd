"""One prediction: what did it see and answer?"""

from html import escape

import streamlit as st
from driftline_collector.client import Answer as Answered
from driftline_collector.client import PredictionDetail, Sample

from driftline_dashboard import cases, charts, collector, layout, shell, words
from driftline_dashboard.collector import Answer
from driftline_dashboard.figures import percentiles, waterfall
from driftline_dashboard.state import View

_FEATURES = 20
_OFFERED = 20


def draw() -> None:
    """Draw the page."""
    view = shell.begin("prediction", own=("id",), pickers=())
    if view is None:
        return
    if view.id is None:
        shell.title("Which prediction?")
        _choice(view)
        return
    answer = collector.prediction(view.id)
    if answer.value is None and answer.problem is not None and answer.problem.kind == "not_found":
        shell.title("This prediction is not here")
        layout.notice(words.told(answer.problem.detail), "warning")
        _choice(view)
        return
    _headline(view)
    left, right = st.columns([1, 1], gap="large")
    with left:
        _answers(view)
        _trace(view)
    with right:
        _features(view)


@layout.card(height=200)
def _choice(view: View) -> None:
    filters = view.filters() | {"feature": view.feature}
    found = layout.settled(collector.samples(**filters, **view.span(), limit=_OFFERED), "Samples")
    if found is not None:
        cases.samples(found.items, view, which="the latest first", today=words.parse_time(found.as_of))


def _asked(view: View) -> Answer[PredictionDetail]:
    return collector.prediction(view.id or "")


@layout.card(height=130, live=False)
def _headline(view: View) -> None:
    found = layout.settled(_asked(view), "Prediction")
    if found is None:
        shell.title("What this prediction answered is not known")
        return
    sentence, sign = title(found)
    shell.title(sentence, lead=sign)
    shell.freshness(collector.overview(found.sample.model or view.model))
    sample = found.sample
    moment = words.parse_time(sample.time)
    when = f"{moment:%d %b %Y %H:%M:%S} UTC" if moment else words.clock(None)
    layout.html(
        f'<p class="dl-note">{escape(when)} · {escape(sample.model)} {escape(sample.version)} · '
        f"{escape(sample.device_type)} in {escape(sample.region)} · {escape(sample.tier.replace('_', ' '))}"
        f" · {escape(kept(sample))}</p>"
    )
    with layout.row("prediction-links"):
        parameters = view.to(
            id=sample.device,
            model=sample.model or view.model,
            version=None,
            device_type=None,
            region=None,
            own=(),
        )
        layout.go("device", f"Device {sample.device}\u00a0→", parameters)


def title(found: PredictionDetail) -> tuple[str, str]:
    """What was answered, and what is known of whether that was right; the sign before it."""
    sample, truth, cloud = found.sample, found.truth, found.cloud
    said = _what(sample.label, sample.value)
    subject = f"{sample.device} answered {said}"
    if truth is not None:
        true = _what(truth.label, truth.value)
        if truth.label is None:
            return f"{subject}; the truth is {true}", ""
        return (f"{subject}, and that was right", "✓") if true == said else (f"{subject}; it was {true}", "▲")
    if cloud is not None and cloud.label is not None:
        if cloud.label == sample.label:
            return f"{subject}, and the cloud agrees", ""
        return f"{subject}; the cloud says {cloud.label}", "▲"
    return f"{subject}; nobody has said yet whether that is right", ""


def _what(label: str | None, value: float | None) -> str:
    return label if label is not None else words.significant(value, 4)


def kept(sample: Sample) -> str:
    """Why it is here: `kept as escalated`, or by chance and how likely that was."""
    reasons = ", ".join(_REASONS.get(reason, reason.replace("_", " ")) for reason in sample.reasons)
    text = f"kept {reasons}" if reasons else "kept for a reason not told"
    if not sample.probability:
        return text
    return (
        f"{text}, as all such are"
        if sample.probability >= 1
        else f"{text}, 1 in {words.count(1 / sample.probability)}"
    )


_REASONS = {"random": "by chance", "escalated": "because it was escalated"}


@layout.card(height=320, live=False)
def _answers(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section("Answers")
    rows = [
        _row("Edge", found.edge),
        _row("Cloud", found.cloud) if found.cloud else ("Cloud", "not asked", *[words.NO_NUMBER] * 2, ""),
    ]
    truth = found.truth
    if truth is None:
        rows.append(("Truth", "not told yet", *[words.NO_NUMBER] * 2, "send it with monitor.ground_truth(…)"))
    else:
        told = f"from {truth.source or 'an unnamed source'}, {words.duration(truth.lag_s)} later"
        rows.append(("Truth", _what(truth.label, truth.value), *[words.NO_NUMBER] * 2, told))
    layout.table(
        ("By", "Answer", "Score", "Took", "Detail"),
        rows,
        numbers=(2, 3),
        says="What edge, cloud and truth say",
    )
    if found.attributes:
        layout.section("Attributes", "Sent along with the prediction.")
        layout.table(
            ("Name", "Value"),
            [(name, str(value)) for name, value in found.attributes.items()],
            says="Attributes that were sent along",
        )


def _row(who: str, answer: Answered | None) -> tuple[str, str, str, str, str]:
    if answer is None:
        return (who, words.NO_NUMBER, words.NO_NUMBER, words.NO_NUMBER, "")
    model = " ".join(part for part in (answer.model, answer.version) if part)
    reason = f"escalated for its {answer.reason.replace('_', ' ')}" if answer.reason else ""
    return (
        who,
        _what(answer.label, answer.value),
        words.significant(answer.score, 3),
        words.NO_NUMBER if answer.duration is None else words.duration(answer.duration),
        ", ".join(part for part in (model, reason) if part),
    )


@layout.card(height=330, live=False)
def _trace(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section("Trace", "What each tier did, by the clocks of those who did it.")
    if found.trace_id is not None:
        st.code(found.trace_id, language=None)
    if not found.spans:
        layout.empty(
            "No step of this prediction is kept.",
            "Devices send the trace of each prediction that they escalate, and of a share of the others:"
            " trace_sample_rate on the Monitor.",
        )
        return
    says = waterfall.says(found.spans)
    shown = found.spans[: waterfall.MOST]
    charts.chart(waterfall.waterfall(shown), says=says, key="prediction-trace")
    rest = len(found.spans) - len(shown)
    more = f" {words.counted(rest, 'later step')} not drawn." if rest else ""
    layout.note(f"{says}{more}")


@layout.card(height=430, live=False)
def _features(view: View) -> None:
    found = _asked(view).value
    if found is None:
        return
    layout.section("What it saw", "Against the reference; the band is its middle 95 %.")
    if not found.features:
        layout.empty("Its features were not sent.", "Only predictions that are sampled whole carry them.")
        return
    placed = percentiles.placed(found.features)
    if placed:
        says = percentiles.says(found.features)
        figure = percentiles.percentiles(placed[:_FEATURES])
        charts.chart(figure, says=says, key="prediction-features")
        hidden = len(placed) - _FEATURES
        more = f" {words.counted(hidden, 'feature')} nearer to the middle not drawn." if hidden > 0 else ""
        layout.note(f"{says}{more}")
    else:
        layout.note("There is no reference for this version, so values stand alone.")
    with st.expander(f"All {words.counted(len(found.features), 'feature')}", expanded=not placed):
        layout.table(
            ("Feature", "Value", "Percentile", "Bin", "Reference in it"),
            [
                (
                    words.feature(each.name),
                    percentiles.written(each),
                    words.significant(each.percentile, 3),
                    each.bin or words.NO_NUMBER,
                    words.share(each.reference_share),
                )
                for each in found.features
            ],
            numbers=(1, 2, 4),
            says="Each feature with its value and its place in the reference",
        )
