"""Which of the user's own dimensions (`Monitor(segment={"line": "A3"})`) are judged, and why others are not.

Each dimension that is judged doubles the segments that a device is in, and a value for each device makes as
many cells as there are devices: so there are bounds, and what is beyond them is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftline_schemas.segments import USER_PREFIX

from driftline_collector.analysis.windows import Window
from driftline_collector.store.base import Store

#: Of those that are sent so many are judged where no setting names them: the first by alphabet.
MOST = 2
#: More values are names of single devices, days or the like, which have too few rows each.
MOST_VALUES = 50
#: Cells make some ten times as many segments, each with a row for each feature and window: so many unasked,
#: and so many where a setting names the dimensions.
MOST_CELLS, MOST_CHOSEN_CELLS = 500, 2000


@dataclass(frozen=True, slots=True)
class OwnDimensions:
    """`judged` are names of dimensions (`segment.line`), `left_out` tells of others why they are not.

    Those that are `constant` have one value on all devices, which tells nothing apart.
    """

    judged: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, store: Store, model: str, since_ns: int, window: Window, wanted: Sequence[str] | None = None
    ) -> "OwnDimensions":
        """Those that a window of a model is judged by, of what its devices have sent `since_ns`.

        `wanted` are the names that a setting chose, without prefix, in order of importance; None: whatever is
        sent, as far as the bounds go.
        """
        if wanted is not None and not wanted:
            return cls()
        span = model, since_ns, window.end_ns, window.start_ns
        sent = store.own_dimensions(*span).to_pylist()
        different = {row["name"]: int(row["different"]) for row in sent}
        most = MOST_CELLS if wanted is None else MOST_CHOSEN_CELLS
        judged: list[str] = []
        constant: list[str] = []
        left_out: dict[str, str] = {}
        for name in different if wanted is None else wanted:
            dimension = f"{USER_PREFIX}{name}"
            if different.get(name) == 1:
                constant.append(dimension)
                continue
            why = _unfit(different.get(name, 0))
            if not why and wanted is None and len(judged) == MOST:
                why = f"no more than {MOST} are judged, the first by alphabet"
            if not why:
                cells = store.count_cells(*span, [*judged, dimension])
                if cells > most:
                    why = f"it would make {cells:,} cells of all devices, more than {most:,}"
            if why:
                left_out[dimension] = why
            else:
                judged.append(dimension)
        return cls(tuple(sorted(judged)), tuple(constant), left_out)

    def remarks(self) -> dict[str, object]:
        """What is to be said of dimensions that are not judged, for details."""
        return {"left_out": dict(self.left_out), "constant": list(self.constant)}


def _unfit(different: int) -> str:
    if different > MOST_VALUES:
        return f"it has {different:,} values, more than {MOST_VALUES}"
    return "" if different else "no device has sent it of late"
