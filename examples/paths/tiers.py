"""What the four paths have in common: a model that is sure or not, and a monitor for each tier.

A network is a function call here, and `headers` what would travel: as HTTP headers, or as pairs in gRPC's
metadata and MQTT 5's user properties.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import driftline

Features = Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    label: str
    score: float


@dataclass(frozen=True)
class Model:
    """Tells big from small, and is the surer the further its input is from where it changes its mind."""

    sharpness: float

    def __call__(self, features: Features) -> Answer:
        distance = abs(features["size"] - 0.5) * self.sharpness
        return Answer("big" if features["size"] > 0.5 else "small", min(1.0, 0.5 + distance))


EDGE, NEAR, CLOUD = Model(1.0), Model(3.0), Model(30.0)
SIZES = [0.02, 0.31, 0.47, 0.52, 0.71, 0.99]


def monitor(tier: str, escalate_below: float | None = None) -> driftline.Monitor:
    """A monitor of this tier, which sends to the address on the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="the collector's")
    return driftline.Monitor(
        model="sizes",
        version="1",
        device=driftline.Device(id=f"{tier}-1", type=tier),
        tier=tier,
        escalate_below=escalate_below,
        endpoint=parser.parse_args().endpoint,
    )
