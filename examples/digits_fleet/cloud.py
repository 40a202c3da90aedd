"""The cloud model as a service of its own: answers what devices are unsure of, in the same trace.

Run by the fleet as ``python -m examples.digits_fleet.cloud plan.json``; ends when its standard input does.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import driftline
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.digits_fleet.camera import SIDE
from examples.digits_fleet.cloud_client import ANSWER_PATH
from examples.digits_fleet.counters import Counters
from examples.digits_fleet.features import NAMES, summarise
from examples.digits_fleet.models import CloudModel, rescale
from examples.digits_fleet.plan import CLOSE_TIMEOUT

MODEL = "digits-cloud"
VERSION = "5.0.0"


@dataclass(frozen=True)
class CloudPlan:
    """What the service is to run: ``row`` is its place among the counters, ``window`` in seconds."""

    folder: str
    endpoint: str
    window: float
    row: int

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> CloudPlan:
        return cls(**json.loads(path.read_text()))


def make_app(model: CloudModel, monitor: driftline.Monitor, counters: Counters, row: int) -> Starlette:
    """The service: POST a frame of 64 bytes, get label and score."""

    async def answer(request: Request) -> JSONResponse:
        body = await request.body()
        if len(body) != SIDE * SIDE:
            return JSONResponse({"detail": f"{len(body)} bytes; expected a frame of {SIDE * SIDE}"}, 400)
        inputs = rescale(np.frombuffer(body, np.uint8).reshape(1, SIDE, SIDE))
        features = dict(zip(NAMES, summarise(inputs)[0].tolist(), strict=True))
        counters.begin(row)
        with monitor.inference(features, headers=request.headers) as inference:
            labels, scores = model.predict(inputs)
            label, score = str(labels[0]), float(scores[0])
            inference.predict(label, score=score)
        counters.done(row)
        return JSONResponse({"label": label, "score": score})

    return Starlette(routes=[Route(ANSWER_PATH, answer, methods=["POST"])])


def main() -> None:
    plan = CloudPlan.load(Path(sys.argv[1]))
    folder = Path(plan.folder)
    monitor = driftline.Monitor(
        model=MODEL,
        version=VERSION,
        device=driftline.Device(id="cloud-1", type="cloud-server", region="eu-west"),
        tier="cloud",
        endpoint=plan.endpoint,
        window=plan.window,
        flush_interval=2.5,
        sample_rate=1.0,  # each of its answers has a device's prediction to be compared with
        spool_dir=folder / "spool",
    )
    counters = Counters(folder / "counters.bin")
    app = make_app(CloudModel.load(folder / "cloud.npz"), monitor, counters, plan.row)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))

    def end_with_the_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_the_parent, name="parent", daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"ready {listener.getsockname()[1]}", flush=True)
        server.run(sockets=[listener])
    monitor.close(timeout=CLOSE_TIMEOUT)


if __name__ == "__main__":
    main()
