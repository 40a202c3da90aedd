"""A split pipeline: the device makes an embedding, the cloud classifies it. The picture stays where it is.

python -m examples.paths.split --endpoint http://127.0.0.1:4318
"""

from collections.abc import Mapping

import driftline

from examples.paths.tiers import CLOUD, SIZES, Answer, monitor


def embed(picture: float) -> dict[str, float]:
    """Stands for the first layers of a network."""
    return {"size": picture, "contrast": picture * (1 - picture)}


def answer(picture: float, device: driftline.Monitor, cloud: driftline.Monitor) -> Answer:
    embedding = embed(picture)
    with device.inference(embedding) as inference:
        inference.escalate("split")
        found = classify(embedding, inference.headers(), cloud)
        inference.escalated(found.label, score=found.score)
        return found


def classify(embedding: Mapping[str, float], headers: Mapping[str, str], cloud: driftline.Monitor) -> Answer:
    with cloud.inference(embedding, headers=headers) as inference:
        found = CLOUD(embedding)
        inference.predict(found.label, score=found.score)
        return found


def main() -> None:
    with monitor("device_edge") as device, monitor("cloud") as cloud:
        for size in SIZES:
            print(size, answer(size, device, cloud))


if __name__ == "__main__":
    main()
