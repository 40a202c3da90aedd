"""What a report tells, asked of a collector."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftline_collector.answers.pictures import Distribution, Series
from driftline_collector.answers.records import Evaluation, ReferenceSummary
from driftline_collector.client import Client
from driftline_collector.errors import ClientError

#: Windows before this one that the course shows.
_COURSE_WINDOWS = 48
_MANY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One closed window of a segment.

    `whole` is the verdict, `features` are by how far each moved, `beside` the other measures of the segment,
    `suspects` what of its data is not sound, each with its reason. `distributions` are of the features that
    moved furthest, `elsewhere` the findings of the same window.
    """

    url: str
    whole: Evaluation
    features: tuple[Evaluation, ...]
    beside: tuple[Evaluation, ...]
    suspects: tuple[Evaluation, ...]
    distributions: tuple[Distribution, ...]
    course: Series | None
    elsewhere: tuple[Evaluation, ...]
    references: tuple[ReferenceSummary, ...]


def gather(client: Client, segment: str | None, model: str | None, at: str | None, pictures: int) -> Evidence:
    """Ask for all of it. Raises ClientError where nothing was judged then.

    Without a segment it is the finding that explains most, or, where nothing has drifted, the whole model.
    """
    window = _window(client, segment, model, at)
    same = {"model": window.model, "start": window.window_start, "end": window.window_end}
    findings = [one for one in client.findings(**same) if one.window_start == window.window_start]
    if segment is None:
        segment = findings[0].segment if findings else window.segment
    rows = [
        one
        for one in client.evaluations(**same, segment=segment, limit=_MANY)
        if one.window_start == window.window_start
    ]
    drift = [one for one in rows if one.measure == "drift"]
    whole = next((one for one in drift if one.feature is None), None)
    if whole is None:
        raise ClientError(f"{segment} was not judged in the window from {window.window_start}")
    features = sorted((one for one in drift if one.feature is not None), key=_rank)
    wanted = [one.feature for one in features if one.n][:pictures]
    named = set((whole.reference or "").split(","))
    return Evidence(
        url=client.url,
        whole=whole,
        features=tuple(features),
        beside=tuple(one for one in rows if one.measure not in ("drift", "quality") and one.feature is None),
        suspects=tuple(one for one in rows if one.measure == "quality" and one.verdict == "suspect"),
        distributions=tuple(
            client.distribution(segment, feature, at=whole.window_start) for feature in wanted if feature
        ),
        course=_course(client, segment, whole, features),
        elsewhere=tuple(one for one in findings if one.segment != segment),
        references=tuple(one for one in client.references(model=window.model) if one.id in named),
    )


def _window(client: Client, segment: str | None, model: str | None, at: str | None) -> Evaluation:
    """The whole of the model, or the segment, in the latest window, or the one that holds `at`."""
    try:
        found = client.evaluations(segment=segment, model=model, measure="drift", end=at, limit=1).items
    except ClientError as error:
        if not str(error).startswith("to: "):
            raise
        # The collector was asked for what was until then, the command for --at.
        raise ClientError(f"--at: {str(error).removeprefix('to: ')}", status=error.status) from error
    if not found:
        what = segment or model or "anything"
        when = "" if at is None else f" before {at}"
        raise ClientError(
            f"nothing was judged of {what}{when}: a window is judged once it is closed, and a model needs a"
            " reference (driftline drift --segments lists what there is)"
        )
    models = {one.model for one in client.models().items} if segment is None and model is None else set()
    if len(models) > 1:
        raise ClientError(f"there are several models: say --model, one of {', '.join(sorted(models))}")
    return found[0]


def _rank(one: Evaluation) -> tuple[bool, float, str]:
    """Those that moved first, the surest before the others."""
    by = one.lower if one.verdict == "drifted" else one.value
    return one.verdict != "drifted", -(by or 0.0), one.feature or ""


def _course(client: Client, segment: str, whole: Evaluation, features: Sequence[Evaluation]) -> Series | None:
    """The feature that moved furthest, over the windows before this one."""
    if not features:
        return None
    end, start = (_ns(moment) for moment in (whole.window_end, whole.window_start))
    return client.series(
        segment,
        "drift",
        feature=features[0].feature,
        start=str(end - _COURSE_WINDOWS * (end - start)),
        end=whole.window_end,
        points=200,
    )


def _ns(moment: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(moment).timestamp()) * 10**9
