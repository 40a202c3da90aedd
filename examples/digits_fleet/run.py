"""Runs the main job: starts each part as a process of its own, lets the scenario happen, ends them all."""

from __future__ import annotations

import base64
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from examples.digits_fleet import models
from examples.digits_fleet.cloud import CloudPlan
from examples.digits_fleet.collector_api import CollectorApi
from examples.digits_fleet.counters import Counters
from examples.digits_fleet.plan import CLOSE_TIMEOUT, REGIONS, WINDOW, DeviceSpec, ProcessPlan, make_fleet
from examples.digits_fleet.processes import Child, StartError
from examples.digits_fleet.receiver import Delivery, Receiver
from examples.digits_fleet.references import PILOT_SHOTS, build_references
from examples.digits_fleet.scenario import DEGRADED_TYPE, ROLLOUT_REGION, Cause, Ledger, Timeline, rolled_out
from examples.digits_fleet.uplink import Uplink

RATE = 30.0
# Longer than the uplink is lost, and enough for a machine that is busy with other things.
_LATENESS = 20.0
_START_TIMEOUT = 40.0
_STOP_TIMEOUT = CLOSE_TIMEOUT + 10.0
_DASHBOARD_PORT = 8501
KILLED = "camera-a-eu-west-00"  # alone in its process
_CUT_OFF = "camera-c-us-east-22"  # sends through a relay

_CONFIGURATION = """\
store: {{path: {folder}/driftline.duckdb}}
server: {{host: 127.0.0.1, port: {port}, grpc_port: off}}
evaluation: {{window: {window:g}s, lateness: {lateness:g}s, history: 10m}}
alerts:
  rules:
    - {{name: drift, measure: drift, for: 0s, resolve_after: 0s, severity: warning}}
notifiers:
  - {{name: desk, webhook: {{url: "{hook}", secret: "{secret}"}}}}
"""


@dataclass(frozen=True)
class Step:
    """Something that happens ``at`` seconds after the first full window began."""

    at: float
    what: str
    do: Callable[[], None]


class Run:
    """One run of the main job in ``folder``. A context manager: whatever was started has ended afterwards."""

    def __init__(
        self,
        folder: Path,
        *,
        on_event: Callable[[str], None],
        on_delivery: Callable[[Delivery], None] | None = None,
        dashboard: bool = False,
    ) -> None:
        self.folder = folder
        self.dashboard = f"http://127.0.0.1:{_free_port(_DASHBOARD_PORT)}" if dashboard else None
        self.ledger = Ledger()
        self.phase = "starting"
        self.unclean: list[str] = []  # parts that did not end as they should
        self._on_event = on_event
        self._on_delivery = on_delivery
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            if child.running:
                child.kill()
        if hasattr(self, "api"):
            self.api.close()
        if hasattr(self, "receiver"):
            self.receiver.close()

    # -- start -----------------------------------------------------------------------------------------
    def start(self) -> None:
        """Train the models, then start collector, cloud and fleet. Raises StartError."""
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.receiver = Receiver(secret, on_delivery=self._on_delivery)
        port = _free_port()
        configuration = self.folder / "driftline.yaml"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=self.folder,
                port=port,
                window=WINDOW,
                lateness=_LATENESS,
                hook=self.receiver.url,
                secret=secret,
            )
        )
        command = ["collector"]
        if self.dashboard is not None:
            command = ["up", "--dashboard-port", self.dashboard.rpartition(":")[2]]
        self._collector = self._child(
            "collector", ["driftline_collector", *command, "--config", str(configuration)]
        )
        self._tell("training two edge models and a cloud model on scikit-learn's digits")
        models.train_all(self.folder)
        references = build_references(self.folder)
        endpoint = f"http://127.0.0.1:{port}"
        self.api = CollectorApi(endpoint)
        if not self.api.wait_ready(_START_TIMEOUT, alive=lambda: self._collector.running):
            raise StartError(f"the collector did not start; it wrote: {self._collector.last_words()}")
        self._tell(f"collector on {endpoint}")
        if self.dashboard is not None:
            self._tell(f"dashboard on {self.dashboard}")
        for reference in references:
            self._command("reference", "register", str(reference), "--url", endpoint)
        self._tell(f"{len(references)} references registered, each from {PILOT_SHOTS:,} pilot shots")
        self._start_fleet(endpoint, ("127.0.0.1", port))

    def _start_fleet(self, endpoint: str, collector: tuple[str, int]) -> None:
        self.uplink = Uplink(collector)
        relayed = f"http://127.0.0.1:{self.uplink.port}"
        self.devices = [
            replace(device, endpoint=relayed) if device.id == _CUT_OFF else device
            for device in make_fleet(endpoint)
        ]
        cloud_row = len(self.devices)
        self.counters = Counters.create(self.folder / "counters.bin", cloud_row + 1)
        plan = self.folder / "cloud.json"
        CloudPlan(str(self.folder), endpoint, WINDOW, cloud_row).save(plan)
        self._cloud = self._child("cloud", ["examples.digits_fleet.cloud", str(plan)])
        self._cloud_address = ("127.0.0.1", int(self._cloud.wait_ready(_START_TIMEOUT)))
        by_process = {
            region: [d for d in self.devices if d.region == region and d.id != KILLED] for region in REGIONS
        }
        by_process["alone"] = [d for d in self.devices if d.id == KILLED]
        self._fleet = {name: self._fleet_process(name, devices) for name, devices in by_process.items()}
        for child in self._fleet.values():
            child.wait_ready(_START_TIMEOUT)
        self._tell(
            f"{len(self.devices)} devices in {len(self._fleet)} processes, and the cloud model in another"
        )

    def _fleet_process(self, name: str, devices: list[DeviceSpec]) -> Child:
        path = self.folder / f"fleet-{name}.json"
        seed = time.time_ns() if path.exists() else models.SEED  # one that restarts sees other digits
        ProcessPlan(str(self.folder), tuple(devices), self._cloud_address, WINDOW, RATE, seed).save(path)
        return self._child(f"fleet-{name}", ["examples.digits_fleet.fleet", str(path)])

    def _child(self, name: str, arguments: list[str]) -> Child:
        child = Child(name, arguments, self.folder / f"{name}.log")
        self._children.append(child)
        return child

    def _command(self, *arguments: str) -> None:
        """Run a ``driftline`` command to its end. Raises StartError."""
        done = subprocess.run(
            [sys.executable, "-m", "driftline_collector", *arguments],
            check=False,  # what it wrote is told below
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise StartError(f"driftline {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")

    def devices_by_place(self) -> dict[str, int]:
        """How many devices there are, by ``type/region``."""
        return dict(Counter(f"{device.type}/{device.region}" for device in self.devices))

    # -- the scenario ----------------------------------------------------------------------------------
    def steps(self, timeline: Timeline) -> list[Step]:
        """All that will happen, in order."""
        return [
            Step(timeline.uplink_lost, f"{_CUT_OFF} loses its uplink", self.uplink.cut),
            Step(timeline.killed, f"{KILLED} is killed with -9", self._kill),
            Step(timeline.restarted, f"{KILLED} starts again", self._restart),
            Step(timeline.uplink_back, f"{_CUT_OFF} has its uplink back", self.uplink.mend),
            Step(timeline.camera_degrades, f"every {DEGRADED_TYPE}: blur, lost contrast", self._degrade),
            Step(timeline.rollout, f"2.1.0 rolls out to {ROLLOUT_REGION}", self._roll_out),
            Step(timeline.camera_mended, f"every {DEGRADED_TYPE} is mended", self._mend),
        ]

    def perform(self, timeline: Timeline) -> None:
        """Let it happen, in real time."""
        # Causes fall on the beginning of a window, so that the seconds to delivery compare between runs.
        begin = (time.time() // WINDOW + 1) * WINDOW
        self.phase = "healthy"
        for step in self.steps(timeline):
            _sleep_until(begin + step.at)
            step.do()
            self._tell(step.what)
        _sleep_until(begin + timeline.end)

    def _kill(self) -> None:
        self._fleet["alone"].kill()

    def _restart(self) -> None:
        self._fleet["alone"] = self._fleet_process("alone", [d for d in self.devices if d.id == KILLED])

    def _degrade(self) -> None:
        self._camera = self._cause("degraded camera", {"device_type": DEGRADED_TYPE}, self.devices)
        self._order(do="camera", device_type=DEGRADED_TYPE, degraded=True)
        self.phase = "camera degraded"

    def _roll_out(self) -> None:
        self.devices = rolled_out(self.devices)
        scope = {"version": models.MISTAKEN_VERSION, "region": ROLLOUT_REGION}
        self._cause("preprocessing mistake", scope, self.devices)
        self._order(do="deploy", region=ROLLOUT_REGION, version=models.MISTAKEN_VERSION)
        self.phase = "camera degraded, 2.1.0 rolled out"

    def _mend(self) -> None:
        self._order(do="camera", device_type=DEGRADED_TYPE, degraded=False)
        self._camera.ended = time.time()
        self.phase = "camera mended"

    def _cause(self, name: str, scope: dict[str, str], fleet: list[DeviceSpec]) -> Cause:
        return self.ledger.begin(name, scope, fleet, at=time.time())

    def _order(self, **order: object) -> None:
        for child in self._fleet.values():
            child.tell(**order)

    # -- the end ---------------------------------------------------------------------------------------
    def stop_fleet(self) -> None:
        """End the devices, then the cloud, each after it has sent what it had."""
        self.phase = "stopping"
        for child in self._fleet.values():
            child.tell(do="stop")
        self._await(*self._fleet.values())
        self._cloud.hang_up()
        self._await(self._cloud)

    def stop_collector(self) -> None:
        self._collector.terminate()
        self._await(self._collector)

    def _await(self, *children: Child) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT
        for child in children:
            if not child.wait(max(0.1, deadline - time.monotonic())):
                self.unclean.append(f"{child.name} did not end in {_STOP_TIMEOUT:.0f} s")
            elif child.returncode:
                self.unclean.append(f"{child.name} ended with {child.returncode}: {child.last_words(300)}")

    def _tell(self, event: str) -> None:
        self._on_event(event)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _free_port(wanted: int = 0) -> int:
    """The port that is wanted where nobody has it, else any."""
    try:
        probe = socket.create_server(("127.0.0.1", wanted))
    except OSError:
        probe = socket.create_server(("127.0.0.1", 0))
    with probe:
        port: int = probe.getsockname()[1]
        return port
