"""Whose shift it is: of the population, of devices, of a release or of a segment of the user's own (a line, a
site); and `unclear` where it cannot be told.

Each device of a model is asked by itself whether it shifted as the finding did. A cause is named where what
devices have in common tells those that did from those that did not: at least 80% inside, at most 20%
outside. A device type was what it is before the shift as well, a deployment was not: so one within the
onset's interval goes before whatever else the devices that shifted share. This is association: what else
happened to them then is not seen here.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from driftline_schemas.segments import USER_PREFIX

from driftline_collector.analysis.detectors.psi import log_ratio

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Cause = Literal["population", "device", "release", "segment", "unclear"]

#: A device has shifted, or has not, where the odds are 19 to 1.
_TELLING = float(np.log(19.0))
_INSIDE = 0.8
_OUTSIDE = 0.2
_LEAST_DEVICES = 3
#: One device that makes this much of the shift is its cause, whatever it has in common with others.
_ALONE = 0.8
DEPLOYMENT: Final = "deployment"
_CAUSES: Final[Mapping[str, Cause]] = {
    DEPLOYMENT: "release",
    "version": "release",
    "firmware": "device",
    "device_type": "device",
    "region": "population",
    "tier": "device",
}


@dataclass(frozen=True, slots=True)
class Attribution:
    """The cause, what it lies in (`device_type=camera-b`; None where unclear), and why."""

    cause: Cause
    what: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contributor:
    """A device, the share of the shift that is its own (negative: it moved the other way), and its rows."""

    device: str
    share: float
    n: int


def contributions(counts: Floats, reference: Floats) -> Floats:
    """The share of the PSI that each device brings, (devices,); they add up to one.

    `counts` and what the reference makes of as many rows, both (devices, bins):
    Σ_b (c_db - e_db) ln(p_b/r_b) / N, whose sum over devices is the PSI.
    """
    tilt = log_ratio(counts.sum(0), reference.sum(0))
    own = (counts - reference) @ tilt
    total = float(own.sum())
    return np.asarray(own / total if total > 0 else np.zeros(len(own)), dtype=np.float64)


def evidence(counts: Floats, reference: Floats, inside: Flags) -> Floats:
    """By device the log of the odds that it shifted as those `inside` did, and not at all; (devices,).

    `counts` and what the reference makes of as many rows, both (devices, bins).
    """
    tilt = log_ratio(counts[inside].sum(0), reference[inside].sum(0))
    rows = counts.sum(-1, keepdims=True)
    shares = reference / np.where(rows > 0, rows, 1.0)
    normal = np.log((shares * np.exp(tilt)).sum(-1), where=rows[:, 0] > 0, out=np.zeros(len(rows)))
    return np.asarray(counts @ tilt - rows[:, 0] * normal, dtype=np.float64)


def attribute(
    odds: Floats, values: Mapping[str, Sequence[str | None]], strongest: Contributor | None = None
) -> Attribution:
    """Name the cause from each device's `odds` (see `evidence`) and what each has of each dimension.

    Dimensions are those of `_CAUSES`, and the user's own; `deployment` is what changed on the device next to
    the onset.
    """
    alike, told = odds > _TELLING, np.abs(odds) > _TELLING
    if strongest is not None and strongest.share >= _ALONE and alike.sum() <= 1 < told.sum():
        reason = f"{strongest.device} makes {strongest.share:.0%} of the shift, and no other device shifted"
        return Attribution("device", f"device={strongest.device}", (reason,))
    if told.sum() < _LEAST_DEVICES:
        able = f"{_many(int(told.sum()), 'device')} {'has' if told.sum() == 1 else 'have'} rows enough"
        reason = f"only {able} to say whether they shifted; it takes {_LEAST_DEVICES}"
        return Attribution("unclear", None, (reason,))
    if not alike.any():
        return Attribution("unclear", None, (f"none of {int(told.sum())} devices shifted by itself",))
    columns = {name: np.array(values[name], dtype=object) for name in _ordered(values.keys())}
    if alike.sum() >= _INSIDE * told.sum():
        return _everywhere(alike, told, columns)
    found = [
        (name, value, reason)
        for name, column in columns.items()
        for value in sorted({v for v in column[alike].tolist() if v is not None})
        if (reason := _tells_apart(name, value, column == value, alike, told))
    ]
    if len(found) > 1:  # a tier is as a rule what its device types are
        found = [each for each in found if each[0] != "tier"]
    if not found:
        reason = f"{int(alike.sum())} of {_many(int(told.sum()), 'device')} shifted, with nothing in common"
        return Attribution("unclear", None, (reason + " that the others have not",))
    deployed = [each for each in found if each[0] == DEPLOYMENT]
    causes = {_CAUSES.get(name, "segment") for name, _, _ in deployed or found}
    reasons = tuple(reason for _, _, reason in found)
    if len(causes) > 1:
        return Attribution("unclear", None, (*reasons, "which of these it is cannot be told"))
    what = ", ".join(f"{name}={value}" for name, value, _ in deployed or found)
    return Attribution(causes.pop(), what, reasons)


def _everywhere(alike: Flags, told: Flags, columns: Mapping[str, npt.NDArray[np.object_]]) -> Attribution:
    """Nearly all devices shifted: after a deployment on nearly all, or whatever they are, or unclear."""
    shifted = f"{int(alike.sum())} of {_many(int(told.sum()), 'device')} shifted alike"
    for value in sorted({v for v in columns.get(DEPLOYMENT, np.array([], object)) if v is not None}):
        deployed = int((columns[DEPLOYMENT][alike] == value).sum())
        if deployed >= _INSIDE * alike.sum():
            reason = f"{value} on {deployed} of them next to the onset"
            return Attribution("release", f"{DEPLOYMENT}={value}", (shifted, reason))
    kinds = {
        name: len({v for v in columns[name][told].tolist() if v is not None})
        for name in columns
        if name in ("device_type", "region") or name.startswith(USER_PREFIX)
    }
    if max(kinds.values(), default=0) > 1:
        spread = " and ".join(_many(count, _spoken(name)) for name, count in kinds.items())
        return Attribution("population", "all devices", (f"{shifted}, of {spread}",))
    return Attribution("unclear", None, (shifted, "all are of one kind: there is nothing to compare with"))


def _tells_apart(name: str, value: str, has: Flags, alike: Flags, told: Flags) -> str:
    """Why a value tells devices that shifted from those that did not; nothing where it does not."""
    inside, outside = has & told, ~has & told
    shifted_in, shifted_out = int((inside & alike).sum()), int((outside & alike).sum())
    within, beyond = int(inside.sum()), int(outside.sum())
    if not within or not beyond or shifted_in < _INSIDE * within or shifted_out > _OUTSIDE * beyond:
        return ""
    if shifted_in < _INSIDE * alike.sum():
        return ""
    what = f"with {value} next to the onset" if name == DEPLOYMENT else f"of {_spoken(name)} {value}"
    return f"{shifted_in} of {_many(within, 'device')} {what} shifted, and {shifted_out} of {beyond} others"


def _ordered(names: Set[str]) -> list[str]:
    """The dimensions in order, the user's own last."""
    return [*(name for name in _CAUSES if name in names), *sorted(names - _CAUSES.keys())]


def _spoken(dimension: str) -> str:
    return dimension.removeprefix(USER_PREFIX).replace("device_type", "device type")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
