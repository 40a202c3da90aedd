"""Whatever is sent, over any transport: the answer is one that OTLP has, and never that something broke."""

import os
import sys
from pathlib import Path

import pytest

from tests.hostile.fuzz import Fuzzer, errors_logged
from tests.hostile.long_fuzz import MOST_GROWTH_MB, long_fuzz
from tests.receiver.serving import serving

#: Seeds of cases that once brought something out; tried at each run.
KEPT = [int(line.split()[0]) for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines()]


def test_odd_and_broken_requests_are_taken_or_refused_by_the_book(tmp_path: Path) -> None:
    with serving(tmp_path, max_body_bytes=2**20) as served:
        fuzzer = Fuzzer(served.url, served.grpc)
        with errors_logged() as logged:
            fuzzer.run([*KEPT, *range(600)])
        stored = sum(served.count(table) for table in ("logs", "spans", "metrics", "predictions", "profiles"))
    assert fuzzer.complaints() == []
    assert logged == []
    assert {"200", "400", "OK", "INVALID_ARGUMENT"} <= fuzzer.seen.keys()
    assert stored > 500


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process holds")
def test_a_hundred_thousand_of_them_leave_nothing_behind(tmp_path: Path) -> None:
    outcome = long_fuzz(tmp_path, first=int(os.environ.get("DRIFTLINE_FUZZ_SEED", "1000")))
    assert outcome.complaints == []
    assert outcome.logged == []
    assert sum(outcome.seen.values()) == 100_000
    assert outcome.grown_mb < MOST_GROWTH_MB
