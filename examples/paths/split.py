"""A split pipeline: the device makes an embedding, the cloud classifies it. The picture stays where it is.

python -m examples.paths.split --endpoint http://127.0.0.1:4318
"""

import driftline

from examples.paths.tiers import SIZES, Answer, ask_cloud, monitor


def embed(picture: float) -> dict[str, float]:
    """Stands for the first layers of a network."""
    return {"size": picture, "contrast": picture * (1 - picture)}


def answer(picture: float, device: driftline.Monitor, cloud: driftline.Monitor) -> Answer:
    embedding = embed(picture)
    with device.inference(embedding) as inference:
        inference.escalate("split")
        found = ask_cloud(embedding, inference.headers(), cloud)
        inference.escalated(found.label, score=found.score)
        return found


def main() -> None:
    with monitor("device_edge") as device, monitor("cloud") as cloud:
        for size in SIZES:
            print(size, answer(size, device, cloud))


if __name__ == "__main__":
    main()
