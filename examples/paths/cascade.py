"""A cascade: who is not sure asks the next tier, from the device to the network's edge to the cloud.

python -m examples.paths.cascade --endpoint http://127.0.0.1:4318
"""

from collections.abc import Mapping

import driftline

from examples.paths.tiers import CLOUD, EDGE, NEAR, SIZES, Answer, Features, Model, monitor

Tiers = list[tuple[driftline.Monitor, Model]]


def answer(features: Features, tiers: Tiers, headers: Mapping[str, str] | None = None) -> Answer:
    """The answer of the first tier that is sure, or of the last."""
    (here, model), *above = tiers
    with here.inference(features, headers=headers) as inference:
        own = model(features)
        inference.predict(own.label, score=own.score)
        if not above or not inference.should_escalate():
            return own
        better = answer(features, above, inference.headers())
        inference.escalated(better.label, score=better.score)
        return better


def main() -> None:
    device, near = monitor("device_edge", 0.8), monitor("network_edge", 0.8)
    with device, near, monitor("cloud") as cloud:
        for size in SIZES:
            print(size, answer({"size": size}, [(device, EDGE), (near, NEAR), (cloud, CLOUD)]))


if __name__ == "__main__":
    main()
