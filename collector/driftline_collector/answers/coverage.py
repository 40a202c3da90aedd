"""What the API answers with where it speaks of how much has arrived."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageGroup:
    """Predictions `received` of those `made`, where `by` says whose: dimension → value; `hour` → its start.

    `lost` is what devices announced and what their holes leave out; where nobody knows how much that is, as
    much as they made in as much time elsewhere. `share` is received ÷ made, None where none was made.
    """

    by: Mapping[str, str]
    received: int
    lost: int
    made: int
    share: float | None
    holes_s: float
    devices: int
    streams: int
