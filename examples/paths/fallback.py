"""Cloud fallback: the device's model fails, or is being updated, and the cloud answers in its place.

python -m examples.paths.fallback --endpoint http://127.0.0.1:4318
"""

from collections.abc import Iterable

import driftline

from examples.paths.tiers import CLOUD, EDGE, SIZES, Answer, Features, monitor


class UpdatingError(Exception):
    """There is no model to ask for the moment."""


class Camera:
    """A device whose model is exchanged now and then."""

    def __init__(self, device: driftline.Monitor, cloud: driftline.Monitor) -> None:
        self._device = device
        self._cloud = cloud
        self.updating = False

    def answer(self, features: Features) -> Answer:
        with self._device.inference(features) as inference:
            try:
                own = self._model(features)
                inference.predict(own.label, score=own.score)
            except (UpdatingError, ArithmeticError) as error:
                inference.escalate("updating" if isinstance(error, UpdatingError) else "edge failed")
                own = self._ask_cloud(features, inference.headers().items())
                inference.escalated(own.label, score=own.score)
            return own

    def _model(self, features: Features) -> Answer:
        if self.updating:
            raise UpdatingError
        if features["size"] > 0.9:
            raise ArithmeticError("overflow")
        return EDGE(features)

    def _ask_cloud(self, features: Features, metadata: Iterable[tuple[str, str]]) -> Answer:
        """What the cloud's gRPC service does with `context.invocation_metadata()`."""
        with self._cloud.inference(features, headers=metadata) as inference:
            found = CLOUD(features)
            inference.predict(found.label, score=found.score)
            return found


def main() -> None:
    with monitor("device_edge") as device, monitor("cloud") as cloud:
        camera = Camera(device, cloud)
        for number, size in enumerate(SIZES):
            camera.updating = number == 1
            print(size, camera.answer({"size": size}))
        device.deployed("model", "1", "2")


if __name__ == "__main__":
    main()
