"""What the team has when it ships a version: a reference from a pilot recording and the training pipeline."""

from __future__ import annotations

from pathlib import Path

import driftline
import numpy as np

from examples.digits_fleet.camera import take_frames
from examples.digits_fleet.features import NAMES, summarise
from examples.digits_fleet.models import PREPROCESSING, SEED, EdgeModel, Pool, rescale
from examples.digits_fleet.plan import MODEL

PILOT_SHOTS = 20_000


def reference_path(folder: Path, version: str) -> Path:
    return folder / f"{MODEL}-{version}.reference.json"


def build_references(folder: Path, shots: int = PILOT_SHOTS) -> list[Path]:
    """Write a reference file for each version, all on one binning, so that their counts compare.

    Each is what a healthy camera shows of the fleet's digits, as the *training* pipeline sees it: the mistake
    that 2.1.0's own device code makes is not in it, because nobody knew of it then.
    """
    rng = np.random.default_rng(SEED + 2)
    images, _ = Pool.load(folder / "pool.npz").draw(shots, rng)
    frames, exposures = take_frames(images, rng)
    inputs = rescale(frames)
    summaries = summarise(inputs)
    features = {name: summaries[:, column] for column, name in enumerate(NAMES)}
    paths: list[Path] = []
    binning = None
    for version in PREPROCESSING:
        labels, scores = EdgeModel.load(folder / f"edge-{version}.npz").predict(inputs)
        reference = driftline.Reference.from_data(
            {**features, "exposure": exposures},
            labels=labels.astype(str),
            scores=scores,
            model=MODEL,
            version=version,
            binning=binning,
        )
        binning = reference.binning
        paths.append(reference_path(folder, version))
        reference.save(paths[-1])
    return paths
