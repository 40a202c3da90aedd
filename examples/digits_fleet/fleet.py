"""One operating-system process of the fleet: several devices, each a thread with its own monitor and spool.

The parent gives it a plan (a JSON file) and afterwards tells it, line by line on its standard input, what
happens in the world. It ends when told to, or when that input ends.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from examples.digits_fleet.device import Device
from examples.digits_fleet.plan import ProcessPlan


def obey(lines: Iterable[str], devices: list[Device]) -> None:
    """Let the world happen to the devices, until told to stop or until there is nobody left who tells."""
    for line in lines:
        order = json.loads(line)
        if order["do"] == "stop":
            return
        concerned = [
            device
            for device in devices
            if order.get("device_type") in (None, device.spec.type)
            and order.get("region") in (None, device.spec.region)
        ]
        for device in concerned:
            if order["do"] == "camera":
                device.degraded = order["degraded"]
            elif order["do"] == "deploy":
                device.wanted_version = order["version"]
            else:
                raise ValueError(f"unknown order {order!r}; expected camera, deploy or stop")


def main() -> None:
    plan = ProcessPlan.load(Path(sys.argv[1]))
    devices = [Device(spec, plan) for spec in plan.devices]
    with ThreadPoolExecutor(len(devices), thread_name_prefix="device") as pool:
        running = [pool.submit(device.run) for device in devices]
        print("ready", flush=True)
        try:
            obey(sys.stdin, devices)
        finally:
            for device in devices:
                device.stop.set()
    for done in running:
        done.result()  # a device that broke down ends the process with its traceback


if __name__ == "__main__":
    main()
