"""What stands around an alert: what sets its devices apart, which moved most, and samples of theirs."""

from collections.abc import Mapping, Sequence

from driftline_collector.client import Apart, MovedDevice, Sample

from driftline_dashboard import layout, words
from driftline_dashboard.state import View


def apart(found: Sequence[Apart]) -> None:
    """Share of each value among the affected devices, and among the others."""
    layout.section("What sets these devices apart", "Share of each value among them, and among the others.")
    if not found:
        layout.empty("Nothing that is known.", "Firmware, version and tier are as frequent elsewhere.")
        return
    layout.table(
        ("", "Value", "Here", "Elsewhere", "Difference"),
        [
            (
                each.dimension.replace("_", " ").capitalize(),
                each.value,
                words.share(each.share_inside),
                words.share(each.share_elsewhere),
                _points(each.share_inside, each.share_elsewhere),
            )
            for each in found
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
    layout.section("Most moved devices")
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


def samples(found: Sequence[Sample], view: View) -> None:
    """Predictions that were sent whole, each a link to its page."""
    layout.section("Samples", "Predictions that were sent whole, the latest of this segment.")
    if not found:
        layout.empty(
            "No sample of this segment is kept.",
            "Devices send one in a hundred unless sample_rate says more.",
        )
    for sample in found:
        layout.go("prediction", _said(sample), view.to(id=sample.id))


def _said(sample: Sample) -> str:
    at = words.clock(words.parse_time(sample.time), seconds=True)
    answered = sample.label if sample.label is not None else words.significant(sample.value, 3)
    label = f"{at} {sample.device}: answered {answered}"
    if sample.score is not None:
        label += f", score {words.significant(sample.score, 2)}"
    if sample.cloud_label is not None:
        label += f"; cloud {sample.cloud_label}"
    return label if sample.true_label is None else f"{label}; true {sample.true_label}"
