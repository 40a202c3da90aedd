"""What changed where something drifted: since when, whose shift it is, what was deployed next to it.

Times are RFC 3339 in UTC, shares of one. `None` is "not known", never zero.
"""

from dataclasses import dataclass

from driftline_collector.answers.records import Change, Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """When it began, with 95% between `earliest` and `latest`.

    `earliest` is None where it may have begun before `known_from`, the first window that was compared, and
    `at` where that is likelier than not.
    """

    at: Time | None
    earliest: Time | None
    latest: Time
    known_from: Time


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """`cause`: population, device, release, segment or unclear; `what` it lies in, and the reasons."""

    cause: str
    what: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A device, the share of the shift that it makes (negative: it moved the other way), and its rows."""

    device: str
    share: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatChanged:
    """Of a finding in its latest window. `feature` is the one that onset and contributors are about.

    `deployments` are those of the segment next to the onset: they happened nearby, which is not yet a cause.
    """

    feature: str
    onset: Onset | None
    attribution: Attribution
    contributors: tuple[Contributor, ...]
    deployments: tuple[Change, ...]
