"""Who is in the fleet, and what each of its processes is told to run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

MODEL = "digits"
CLOSE_TIMEOUT = 30.0  # seconds that a monitor may take to send the last; nobody comes after it for its spool
WINDOW = 5.0  # seconds, of the devices' profiles and of the collector's verdicts
DEVICE_TYPES = ("camera-a", "camera-b", "camera-c")
REGIONS = ("eu-west", "us-east", "ap-south")
VERSIONS = ("1.9.0", "1.9.0", "2.0.0", "2.0.0")  # one device each, in every region, of every type


@dataclass(frozen=True)
class DeviceSpec:
    """Who a device is. ``row`` is its place among the counters, ``endpoint`` where it sends to."""

    row: int
    id: str
    type: str
    region: str
    version: str
    endpoint: str

    @property
    def dimensions(self) -> dict[str, str]:
        return {"version": self.version, "device_type": self.type, "region": self.region}


@dataclass(frozen=True)
class ProcessPlan:
    """What one process is to run. Times in seconds, ``rate`` in predictions per second and device."""

    folder: str
    devices: tuple[DeviceSpec, ...]
    cloud: tuple[str, int]
    window: float
    rate: float
    seed: int

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> ProcessPlan:
        document = json.loads(path.read_text())
        devices = tuple(DeviceSpec(**device) for device in document.pop("devices"))
        host, port = document.pop("cloud")
        return cls(devices=devices, cloud=(host, port), **document)


def make_fleet(endpoint: str) -> list[DeviceSpec]:
    """36 devices: of each type in each region two on either version."""
    places = [(region, kind, version) for region in REGIONS for kind in DEVICE_TYPES for version in VERSIONS]
    return [
        DeviceSpec(row, f"{kind}-{region}-{row:02d}", kind, region, version, endpoint)
        for row, (region, kind, version) in enumerate(places)
    ]
