"""A hundred thousand cases against a collector of their own, and what its process held before and after.

`python -m tests.hostile.long_fuzz --first 1000 --write docs/results/fuzz.md` runs it and keeps the outcome.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from tests.end_to_end.running import RunningCollector, collector
from tests.hostile.fuzz import Fuzzer

CASES = 100_000
#: The first tenth warms up: from there memory may grow by what the store's own caches hold, no more.
WARM = CASES // 10
MOST_GROWTH_MB = 500
_UNKNOWN = {"ingest": {"records": 0}, "database": {"bytes": 0, "wal_bytes": 0}}
CONFIGURATION = "server: {max_body_bytes: 1048576}\n"


@dataclass(frozen=True)
class Outcome:
    """What was answered, what was wrong with it, and the collector's resident memory in MB."""

    first: int
    cases: int
    seen: Counter[str]
    complaints: list[str]
    logged: list[str]
    started_mb: float
    warm_mb: float
    end_mb: float
    peak_mb: float
    stored: int
    database_mb: float
    took_s: float

    @property
    def grown_mb(self) -> float:
        """From after the warming up to the end."""
        return self.end_mb - self.warm_mb

    @property
    def fine(self) -> bool:
        """Whether nothing was wrong."""
        return not self.complaints and not self.logged and self.grown_mb < MOST_GROWTH_MB


def long_fuzz(folder: Path, *, first: int, cases: int = CASES) -> Outcome:
    """Send the cases of the seeds from `first` on to a collector that keeps its files in `folder`."""
    (folder / "driftline.yaml").write_text(CONFIGURATION)
    began = time.monotonic()
    with collector(folder) as running:
        started = memory_mb(running, "VmRSS")
        fuzzer = Fuzzer(running.url, running.grpc)
        fuzzer.run(range(first, first + WARM))
        warm = memory_mb(running, "VmRSS")
        again = Fuzzer(running.url, running.grpc)
        again.run(range(first + WARM, first + cases))
        complaints = [*fuzzer.complaints(), *again.complaints(), *_broken_pages(running)]
        state = httpx.get(f"{running.url}/api/v1/system", timeout=120)
        known = state.json() if state.is_success else _UNKNOWN  # it stands among the complaints then
        end, peak = memory_mb(running, "VmRSS"), memory_mb(running, "VmHWM")
        if status := running.stop():
            complaints.append(f"the collector ended with status {status}")
    lines = (folder / "collector.log").read_text(errors="replace").splitlines()
    return Outcome(
        first=first,
        cases=cases,
        seen=fuzzer.seen + again.seen,
        complaints=complaints,
        logged=[line for line in lines if any(word in line for word in (" ERROR ", "CRITICAL", "Traceback"))],
        started_mb=started,
        warm_mb=warm,
        end_mb=end,
        peak_mb=peak,
        stored=known["ingest"]["records"],
        database_mb=(known["database"]["bytes"] + known["database"]["wal_bytes"]) / 1e6,
        took_s=time.monotonic() - began,
    )


def _broken_pages(running: RunningCollector) -> list[str]:
    """What the API itself breaks on, now that all this is stored."""
    paths = httpx.get(f"{running.url}/openapi.json").raise_for_status().json()["paths"]
    plain = sorted(path for path, methods in paths.items() if "get" in methods and "{" not in path)
    # A connection each: a server closes one on which it had to give up.
    answers = {path: httpx.get(f"{running.url}{path}", timeout=120) for path in plain}
    return [
        f"{path}: {got.status_code} {got.text[:200]}" for path, got in answers.items() if got.is_server_error
    ]


def memory_mb(running: RunningCollector, name: str) -> float:
    """`VmRSS` or `VmHWM`, its peak, of a collector's process."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1000


def as_markdown(outcome: Outcome, commit: str) -> str:
    """The page that keeps the last run."""
    answers = "".join(f"| `{code}` | {count:,} |\n" for code, count in outcome.seen.most_common())
    wrong = "".join(f"- {text}\n" for text in (*outcome.complaints, *outcome.logged)) or "- nothing\n"
    last = outcome.first + outcome.cases - 1
    return f"""# The last long fuzz run

```sh
python -m tests.hostile.long_fuzz --first {outcome.first} --write docs/results/fuzz.md
```

Requests gone wrong, one for each seed, over HTTP/protobuf, HTTP/JSON and gRPC, to one `driftline collector`
with the defaults, but that a request may have 1 MiB. How they go wrong is in `tests/hostile/cases.py`; seeds
that once brought something out are kept in `tests/hostile/seeds.txt`, and tried at each `make test`.

| what | |
|---|---|
| outcome | **{"nothing was wrong" if outcome.fine else "something was wrong"}** |
| when | {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, at commit {commit} |
| cases | {outcome.cases:,}, seeds {outcome.first} to {last} |
| took | {outcome.took_s:.0f} s |
| stored of them | {outcome.stored:,} rows, {outcome.database_mb:.0f} MB |
| memory before (RSS) | {outcome.started_mb:.0f} MB; after {WARM:,} cases {outcome.warm_mb:.0f} MB |
| memory after | {outcome.end_mb:.0f} MB (peak {outcome.peak_mb:.0f} MB) |

| answer | cases |
|---|---|
{answers}
## Answers, log lines and ends that should not be

{wrong}"""


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip()


def main() -> int:
    """0: nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.long_fuzz", description=__doc__)
    parser.add_argument("--first", type=int, default=1000, help="the first seed (1000)")
    parser.add_argument("--cases", type=int, default=CASES, help="how many (100,000)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep the outcome as a page")
    options = parser.parse_args()
    commit = _commit()
    with tempfile.TemporaryDirectory(prefix="driftline-fuzz-") as folder:
        outcome = long_fuzz(Path(folder), first=options.first, cases=options.cases)
    page = as_markdown(outcome, commit)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(page)
    print(page)
    return 0 if outcome.fine else 1


if __name__ == "__main__":
    sys.exit(main())
