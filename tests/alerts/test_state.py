"""The life of one alert, window by window, in the time of the data."""

import pytest
from driftline_collector.alerts import state
from driftline_collector.alerts.rules import Evaluation, Rule
from driftline_collector.alerts.state import Alert
from hypothesis import given
from hypothesis import strategies as st

from tests.alerts.evaluated import MINUTE, START, drifted, row

#: d: a finding, s: stable, ?: too few data, -: no evaluation at all
ROWS = {"d": drifted, "s": row, "?": lambda window: row(window, verdict="insufficient_data")}


def lives(rule: Rule, windows: str, *, mute: bool = False) -> list[str]:
    """The state after each window; an alert that is over is followed by none."""
    alert: Alert | None = None
    states: list[str] = []
    for number, kind in enumerate(windows):
        if kind in ROWS:
            alert = state.step(rule, alert, Evaluation.of_row(ROWS[kind](number)), mute=mute)
        states.append(alert.state if alert else "none")
        if alert and alert.state not in state.ACTIVE:
            alert = None
    return states


def rule(hold: int = 0, resolve_after: int = 0) -> Rule:
    """A drift rule with times in windows."""
    return Rule(name="drift", measure="drift", hold_ns=hold * MINUTE, resolve_after_ns=resolve_after * MINUTE)


@pytest.mark.parametrize(
    ("hold", "resolve_after", "windows", "states"),
    [
        (0, 0, "sds", "none firing resolved"),
        (1, 0, "d", "firing"),  # it held throughout one window
        (3, 0, "dddd", "pending pending firing firing"),
        (3, 0, "ddsd", "pending pending dropped pending"),
        (2, 0, "d?d", "pending pending firing"),  # too few data neither advance nor interrupt
        (2, 0, "d-d", "pending pending firing"),
        (0, 0, "d?s", "firing firing resolved"),
        (0, 0, "d---s", "firing firing firing firing resolved"),  # a silent segment stays as it is
        (0, 3, "dsss", "firing firing firing resolved"),
        (0, 3, "dssdsss", "firing firing firing firing firing firing resolved"),  # it came back in between
        (0, 0, "?", "none"),
        (0, 0, "dsd", "firing resolved firing"),
    ],
)
def test_an_alert_lives_by_its_hold_times(hold: int, resolve_after: int, windows: str, states: str) -> None:
    assert lives(rule(hold, resolve_after), windows) == states.split()


def test_a_muted_alert_stays_pending_however_long_it_holds() -> None:
    assert lives(rule(), "dds", mute=True) == ["pending", "pending", "dropped"]


def test_a_window_that_was_seen_before_changes_nothing() -> None:
    firing = state.step(rule(), None, Evaluation.of_row(drifted(5)))
    for window in (4, 5):
        assert state.step(rule(), firing, Evaluation.of_row(row(window))) is firing


def test_since_is_what_the_evaluation_says_where_that_is_earlier() -> None:
    early = START - 3 * MINUTE
    alert = state.step(rule(), None, Evaluation.of_row(drifted(0, since_ns=early)))
    assert alert is not None
    assert (alert.since_ns, alert.held_since_ns) == (early, START)


def test_the_times_of_an_episode_are_those_of_its_windows() -> None:
    alert = state.step(rule(), None, Evaluation.of_row(drifted(0)))
    alert = state.step(rule(), alert, Evaluation.of_row(row(1)))
    assert alert is not None
    assert (alert.since_ns, alert.started_ns, alert.resolved_ns) == (
        START,
        START + MINUTE,
        START + 2 * MINUTE,
    )


def test_the_same_beginning_gives_the_same_id_and_another_one_another() -> None:
    first, again, later = (
        state.step(rule(), None, Evaluation.of_row(drifted(window))) for window in (0, 0, 1)
    )
    assert first is not None
    assert again is not None
    assert later is not None
    assert first.id == again.id != later.id


def test_a_window_in_which_nothing_changed_is_not_written() -> None:
    first = state.step(rule(), None, Evaluation.of_row(drifted(0)))
    second = state.step(rule(), first, Evaluation.of_row(drifted(1)))
    assert second is not None
    assert not state.changed(first, second)
    assert state.changed(None, second)


@given(st.text("ds?-", max_size=12), st.integers(0, 3), st.integers(0, 3))
def test_an_alert_that_is_written_and_read_after_every_window_lives_the_same_life(
    windows: str, hold: int, resolve_after: int
) -> None:
    """What a restart between any two windows would do."""
    alert: Alert | None = None
    states = []
    for number, kind in enumerate(windows):
        if kind in ROWS:
            after = state.step(rule(hold, resolve_after), alert, Evaluation.of_row(ROWS[kind](number)))
            if after is not None and state.changed(alert, after):
                (alert,) = state.from_rows(state.to_rows([after], now_ns=0))
                assert alert == after
        states.append(alert.state if alert else "none")
        if alert and alert.state not in state.ACTIVE:
            alert = None
    assert states == lives(rule(hold, resolve_after), windows)
