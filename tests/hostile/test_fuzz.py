"""Whatever is sent, over any transport: the answer is one that OTLP has, and never that something broke."""

import os
import resource
import sys
from pathlib import Path

import pytest

from tests.hostile.fuzz import Fuzzer, errors_logged
from tests.receiver.serving import Serving, serving

#: Seeds of cases that once brought something out; tried at each run.
KEPT = [int(line.split()[0]) for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()]


def fuzzed(served: Serving, seeds: list[int]) -> Fuzzer:
    fuzzer = Fuzzer(served)
    with errors_logged() as logged:
        fuzzer.run(seeds)
    assert fuzzer.complaints() == []
    assert logged == []
    return fuzzer


def test_odd_and_broken_requests_are_taken_or_refused_by_the_book(tmp_path: Path) -> None:
    with serving(tmp_path, max_body_bytes=2**20) as served:
        fuzzer = fuzzed(served, [*KEPT, *range(600)])
        stored = sum(served.count(table) for table in ("logs", "spans", "metrics", "predictions", "profiles"))
    assert {"200", "400", "OK", "INVALID_ARGUMENT"} <= fuzzer.seen.keys()
    assert stored > 500


@pytest.mark.soak
def test_a_hundred_thousand_of_them_leave_nothing_behind(tmp_path: Path) -> None:
    """The first tenth warms up; from there memory may grow by what the store's own caches hold, no more."""
    first = int(os.environ.get("DRIFTLINE_FUZZ_SEED", "1000"))
    with serving(tmp_path, max_body_bytes=2**20) as served:
        fuzzed(served, list(range(first, first + 10_000)))
        before = _megabytes()
        fuzzer = fuzzed(served, list(range(first + 10_000, first + 100_000)))
        grown = _megabytes() - before
    assert sum(fuzzer.seen.values()) == 90_000
    assert grown < 500, f"{grown:.0f} MB more, at its peak"


def _megabytes() -> float:
    """The peak of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
