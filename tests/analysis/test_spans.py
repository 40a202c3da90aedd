"""Windows judged as one: what is too small for a window shows in a day, and what is over does not linger."""

from dataclasses import replace
from pathlib import Path

from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import Evaluation, WindowResult
from driftline_collector.analysis.recent import Recent
from driftline_collector.analysis.windows import Window

from benchmarks._simulated_fleet import HOUR, MODEL, START, Fleet, Move
from benchmarks._simulation import Simulation, simulated

CELLS = Fleet(types=2, regions=4, features=2, rows=60, seed=7)
#: Of two devices of sixty rows an hour each.
MOVED = CELLS.segment(4).replace("version=1.0", "version=*")


def hours(move: Move, number: int) -> list[WindowResult]:
    fleet = replace(CELLS, moves=[move])
    return simulated(fleet, lambda simulation: [*simulation.hours(range(number))])


def moved(**how: float) -> Move:
    return Move(cells=[4], features=[0, 1], since=4, **how)


def drift(result: WindowResult) -> Evaluation:
    (found,) = (e for e in result.evaluations if (e.segment, e.measure, e.feature) == (MOVED, "drift", None))
    return found


def test_a_shift_too_small_for_any_hour_is_found_within_a_day_and_told_since_when() -> None:
    results = hours(moved(by=0.35), 18)
    verdicts = [drift(result).verdict for result in results]
    found = verdicts.index("drifted")
    assert 6 < found < 18
    assert set(verdicts[found:]) <= {"drifted", "insufficient_data"}
    assert {key for result in results for key in result.findings} == {MOVED}
    told = drift(results[found])
    assert told.details is not None
    windows = told.details["windows"]
    assert windows in {6, found + 1}
    assert told.reason is not None
    assert told.reason.endswith(f"(over {windows} windows)")
    assert told.n == 120 * windows
    assert told.since_ns is not None
    assert START + 2 * HOUR <= told.since_ns <= START + 8 * HOUR
    assert drift(results[-1]).since_ns == told.since_ns


def test_a_strong_drift_that_is_over_does_not_linger_in_what_is_merged() -> None:
    results = hours(moved(by=1.0, until=8), 12)
    verdicts = [drift(result).verdict for result in results]
    assert verdicts[4:8] == ["drifted"] * 4
    assert "drifted" not in verdicts[8:]
    assert verdicts[-1] == "stable"
    assert not any(result.findings for result in results[8:])


def test_a_small_drift_that_is_over_ends() -> None:
    verdicts = [drift(result).verdict for result in hours(moved(by=0.4, until=15), 19)]
    assert verdicts[14] == "drifted"
    assert verdicts[-1] == "stable"


def test_it_is_the_same_whether_the_windows_before_are_remembered_or_read_again(tmp_path: Path) -> None:
    fleet = replace(CELLS, moves=[moved(by=0.5)])
    simulation = Simulation(fleet, tmp_path)
    *_, last = simulation.hours(range(8))
    window = Window(last.start_ns, last.end_ns)
    for recent in (None, Recent(simulation.store, 0)):
        again = evaluate(simulation.store, MODEL, window, Policy(), now_ns=last.evaluated_ns, recent=recent)
        assert [drift(again)] == [drift(last)]
        assert again.findings == last.findings
    simulation.store.close()
