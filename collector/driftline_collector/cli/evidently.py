"""Evidently's own report on a window's samples, for `driftline report --evidently`."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from driftline_collector.api.samples import features as features_of
from driftline_collector.cli.columns import read_columns
from driftline_collector.cli.export import batches
from driftline_collector.client import Client, Filter
from driftline_collector.environment import untracked
from driftline_collector.errors import ClientError
from driftline_collector.reports.evidence import Evidence


def report_on_samples(client: Client, evidence: Evidence, rows: Path) -> str:
    """HTML of Evidently's data-drift preset: the window's samples against rows of the model's training data.

    Evidently does not know how samples were chosen: it takes each for as good as the next. Raises ClientError
    where it is not installed, or there is nothing to compare.
    """
    untracked()
    try:
        # By name, as they come with an extra that the collector does without.
        pd, evidently, presets = map(import_module, ("pandas", "evidently", "evidently.presets"))
    except ModuleNotFoundError as error:
        raise ClientError(
            f"--evidently needs {error.name}, which is not installed: pip install 'driftline[reports]'"
        ) from error
    samples = pd.DataFrame(list(_samples(client, evidence)))
    if not len(samples):
        raise ClientError(
            f"--evidently: no sample of {evidence.whole.segment} is from this window (Monitor(sample_rate=…))"
        )
    reference = pd.DataFrame(read_columns(rows))
    both = [name for name in samples.columns if name in reference.columns]
    if not both:
        raise ClientError(
            f"--evidently: {rows} has no feature of the samples, which have: {', '.join(samples.columns)}"
        )
    found = evidently.Report([presets.DataDriftPreset()]).run(samples[both], reference[both])
    html: str = found.get_html_str(as_iframe=False)
    return html


def _samples(client: Client, evidence: Evidence) -> Iterator[dict[str, Any]]:
    """The features of each sample of the segment in the window."""
    whole = evidence.whole
    window: dict[str, Filter] = {"from": whole.window_start, "to": whole.window_end}
    with (
        client.export("predictions", segment=whole.segment, **window) as pieces,
        batches(pieces) as stream,
    ):
        for batch in stream:
            for row in batch.to_pylist():
                named = (row["feature_names"], row["feature_types"], row["numbers"], row["texts"])
                yield features_of(*named)
