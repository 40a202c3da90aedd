"""What stands around an alert: what sets its devices apart, which moved or are silent, samples of theirs."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from driftline_collector.client import Apart, Device, MovedDevice, Sample

from driftline_dashboard import layout, words
from driftline_dashboard.state import View

# A difference below this sets nothing apart.
_TELLING = 0.05


def apart(found: Sequence[Apart]) -> None:
    """Share of each value among the affected devices, and among the others."""
    layout.section("What sets these devices apart", "Share of each value among them, and among the others.")
    telling = [each for each in found if each.share_inside - (each.share_elsewhere or 0.0) >= _TELLING]
    if not telling:
        layout.empty(
            "Nothing that is known.",
            "What else they tell of themselves is as frequent elsewhere, to within 5 points.",
        )
        return
    layout.table(
        ("Property", "Value", "Here", "Elsewhere", "Difference"),
        [
            (
                each.dimension.replace("_", " ").capitalize(),
                each.value,
                words.share(each.share_inside),
                words.share(each.share_elsewhere),
                _points(each.share_inside, each.share_elsewhere),
            )
            for each in telling
        ],
        numbers=(2, 3, 4),
        says="Share of firmware, version and tier among the affected devices and elsewhere",
    )


def _points(inside: float, elsewhere: float | None) -> str:
    if elsewhere is None:
        return words.NO_NUMBER
    by = (inside - elsewhere) * 100
    return f"{'+' if by >= 0 else '−'}{abs(by):.0f} points"


def devices(found: Sequence[MovedDevice], view: View, span: Mapping[str, str]) -> None:
    """The devices that moved most, each a link to its page in the same time."""
    layout.section("Most moved devices", "Effect (PSI) of the feature that moved most, and its predictions.")
    if not found:
        layout.empty(
            "No single device has enough data for a number of its own.", "The segment as a whole has."
        )
    for device in found:
        effect = (
            f"{words.effect(device.effect)} in {words.feature(device.feature)}"
            if device.feature
            else "no effect known"
        )
        parameters = view.to(id=device.device, feature=device.feature, **span)
        layout.go("device", f"{device.device}: {effect}, n {words.count(device.n)}", parameters)


def silent(found: Sequence[Device], view: View, now: datetime | None) -> None:
    """Devices that are expected and do not report, each a link to its page."""
    layout.section("Silent devices", "Expected, and not heard of: since when, and what was known of them.")
    if not found:
        layout.empty("No device of this segment is silent now.", "Those that were have reported again.")
    for device in found:
        last = words.clock(words.parse_time(device.last_seen), today=now)
        about = f"{device.device_type} in {device.region}, firmware {device.firmware or 'not told'}"
        layout.go("device", f"{device.device}: last seen {last} UTC; {about}", view.to(id=device.device))


def samples(found: Sequence[Sample], view: View, *, which: str, today: datetime | None = None) -> None:
    """Predictions that were sent whole, each a link to its page; `which` says whose they are.

    Times of another day than `today` have their date.
    """
    layout.section("Samples", f"Predictions that were sent whole, {which}.")
    if not found:
        layout.empty("No sample is kept.", "Devices send one in a hundred unless sample_rate says more.")
    for sample in found:
        layout.go("prediction", said(sample, today), view.to(id=sample.id))


def said(sample: Sample, today: datetime | None = None) -> str:
    """`04:59:12 cam-0216: answered 9, score 0.27; cloud 8; true 8, so wrong`."""
    at = words.clock(words.parse_time(sample.time), today=today, seconds=True)
    answered = sample.label if sample.label is not None else words.significant(sample.value, 3)
    label = f"{at} {sample.device}: answered {answered}"
    if sample.score is not None:
        label += f", score {words.significant(sample.score, 2)}"
    if sample.cloud_label is not None:
        label += f"; cloud {sample.cloud_label}"
    if sample.true_label is None:
        return label
    return f"{label}; true {sample.true_label}{'' if sample.true_label == sample.label else ', so wrong'}"
