"""An inference loop with driftline in it, over live.csv instead of a camera: 500 predictions a second."""

import csv
import time
from pathlib import Path

import driftline

monitor = driftline.Monitor(
    model="wine",
    version="1",
    device=driftline.Device(id="press-1", type="press", region="here"),
    reference="wine.reference.json",
    endpoint="http://127.0.0.1:4318",
    window=5.0,
)
with Path("live.csv").open(newline="") as file:
    for row in csv.DictReader(file):
        label, score = row.pop("label"), float(row.pop("score"))
        features = {name: float(value) for name, value in row.items()}
        monitor.record(features, label=label, score=score)
        time.sleep(0.002)
monitor.close()
