"""How a device asks the cloud model: one kept-alive HTTP connection, and never an exception."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass

from examples.digits_fleet.camera import Frames

ANSWER_PATH = "/v1/answer"


@dataclass(frozen=True)
class Answer:
    """What the cloud reads in a picture, and how sure it is."""

    label: str
    score: float


class CloudClient:
    """For one thread. ``timeout`` in seconds bounds how long an unsure device waits."""

    def __init__(self, address: tuple[str, int], timeout: float = 2.0) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=timeout)

    def ask(self, frame: Frames, headers: Mapping[str, str]) -> Answer | None:
        """The cloud's answer to one frame (1, 8, 8), or None if there is none to be had."""
        try:
            self._connection.request("POST", ANSWER_PATH, frame.tobytes(), dict(headers))
            response = self._connection.getresponse()
            body = response.read()
            if response.status != 200:
                return None
            document = json.loads(body)
            return Answer(str(document["label"]), float(document["score"]))
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            self._connection.close()  # the next request opens it again
            return None

    def close(self) -> None:
        self._connection.close()
