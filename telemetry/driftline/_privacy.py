"""What may leave the device."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class Privacy:
    """Which features leave the device. The others are not even read: they are in no profile and no sample.

    `allow`: only these; `None` allows all. `deny`: never these, whatever `allow` says.
    """

    allow: frozenset[str] | None
    deny: frozenset[str]

    def __init__(self, *, allow: Iterable[str] | None = None, deny: Iterable[str] = ()) -> None:
        if isinstance(allow, str) or isinstance(deny, str):
            raise TypeError("allow and deny are collections of feature names, not one name")
        object.__setattr__(self, "allow", None if allow is None else frozenset(allow))
        object.__setattr__(self, "deny", frozenset(deny))

    def permits(self, feature: str) -> bool:
        """Whether this feature may leave the device."""
        return feature not in self.deny and (self.allow is None or feature in self.allow)
