"""A speculative answer: the device acts on its own at once, and the cloud refines it when it can.

python -m examples.paths.speculative --endpoint http://127.0.0.1:4318
"""

from collections.abc import Callable

import driftline

from examples.paths.tiers import CLOUD, EDGE, SIZES, Answer, Features, monitor


def answer(
    features: Features, device: driftline.Monitor, cloud: driftline.Monitor, act: Callable[[Answer], None]
) -> None:
    """Act on the device's answer, and again where the cloud knows better."""
    with device.inference(features) as inference:
        own = EDGE(features)
        inference.predict(own.label, score=own.score)  # the prediction's duration ends here
        act(own)
        inference.escalate("speculative")
        # What would be published by MQTT 5, with these user properties.
        refined = refine(features, list(inference.headers().items()), cloud)
        inference.escalated(refined.label, score=refined.score)
        if refined.label != own.label or refined.score > own.score:
            act(refined)


def refine(features: Features, user_properties: list[tuple[str, str]], cloud: driftline.Monitor) -> Answer:
    with cloud.inference(features, headers=user_properties) as inference:
        found = CLOUD(features)
        inference.predict(found.label, score=found.score)
        return found


def main() -> None:
    with monitor("device_edge") as device, monitor("cloud") as cloud:
        for size in SIZES:
            answer({"size": size}, device, cloud, print)


if __name__ == "__main__":
    main()
