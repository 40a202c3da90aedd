"""When windows are judged: once they are closed, and again when data for them come later.

Evaluations and the alerts that follow from them are committed together, so a crash leaves both or neither,
and a restart goes on after the last window that was judged.
"""

import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context

import pyarrow as pa
import pyarrow.compute as pc

from driftline_collector.analysis.evaluate import Policy, evaluate
from driftline_collector.analysis.evaluation import WindowResult
from driftline_collector.analysis.recent import Recent
from driftline_collector.analysis.revision import judged_again, on_other_bins, same_counts, same_numbers
from driftline_collector.analysis.windows import LOOK_BACK, Window, is_closed
from driftline_collector.arrivals import Arrivals, Late
from driftline_collector.errors import CollectorError
from driftline_collector.store.base import Selection, Store, Tables
from driftline_collector.store.together import read_together

logger = logging.getLogger(__name__)

_MANY = 1_000_000
#: Windows judged for one model in one tick, at most: other models wait no longer than that.
_AT_ONCE = 50
#: Windows judged anew in one tick because of another reference, at most,
_ANEW_AT_ONCE = 5
#: and for how many seconds, as windows are for late data: those that close do not wait long.
_AGAIN_FOR_S = 5.0


class Scheduler:
    """Judges windows as they close. `now` gives nanoseconds since the epoch; `observe` rows that follow."""

    def __init__(
        self,
        store: Store,
        observe: Callable[[pa.Table], Tables],
        policy: Policy,
        *,
        width_ns: int,
        lateness_ns: int,
        history_ns: int,
        now: Callable[[], int],
        judged: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._observe = observe
        self._policy = policy
        self._width_ns = width_ns
        self._lateness_ns = lateness_ns
        self._history_ns = history_ns
        self._now = now
        self._judged = judged
        self._due: dict[str, Window] = {}
        self._recent = Recent(store, policy.future_tolerance_ns)
        self._arrivals = Arrivals(store, width_ns=width_ns, lateness_ns=lateness_ns)
        #: Model and start of windows to be judged anew by another reference, the earliest first.
        self._outdated: deque[tuple[str, int]] = deque()
        self._references_changed = threading.Event()
        self._references_changed.set()  # one may have been registered just before the last end
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driftline-scheduler", daemon=True)

    def start(self) -> None:
        """Tick in a thread, about twenty times a window."""
        self._thread.start()

    def stop(self) -> None:
        """End after the window under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def reference_registered(self) -> None:
        """Have what was judged by another reference judged anew, bit by bit; from any thread."""
        self._references_changed.set()

    def _run(self) -> None:
        pause = min(max(self._width_ns / 20e9, 0.2), 10.0)
        while not self._stopping.wait(pause):
            try:
                self.tick()
            except CollectorError:
                logger.exception("windows could not be judged; trying again")
            except Exception:
                logger.exception("a fault in judging windows; trying again")

    def tick(self) -> list[WindowResult]:
        """Judge what is due now."""
        # In a context of its own: who calls this goes on to wait for what it reads.
        return copy_context().run(self._tick)

    def _tick(self) -> list[WindowResult]:
        read_together()
        now_ns = self._now()
        # What has arrived is looked up first: data for a window that is judged below are no revision of it.
        results = self._revise(now_ns)
        for model in sorted({*self._store.models().column("model").to_pylist(), *self._arrivals.heard_of}):
            results += self._close(model, now_ns)
        results += self._judge_anew(now_ns)
        if results:
            self._judged()
        return results

    def _close(self, model: str, now_ns: int) -> list[WindowResult]:
        results: list[WindowResult] = []
        window = self._due.get(model) or self._first(model, now_ns)
        while len(results) < _AT_ONCE and now_ns >= window.end_ns and not self._stopping.is_set():
            since = window.start_ns - LOOK_BACK * window.width_ns
            # Beyond its end, too: a device that was away and is back has nothing more to report.
            progress = self._store.progress(model, since, now_ns, self._policy.future_tolerance_ns)
            if not is_closed(window, progress, now_ns=now_ns, lateness_ns=self._lateness_ns):
                break
            reported = progress.num_rows and pc.min(progress.column("first_start_ns")).as_py() < window.end_ns
            if reported or self._sampled_from(model, window.start_ns, window.end_ns) is not None:
                results += self._judge(model, window, now_ns)
                window = window.after()
            else:
                window = self._skip(model, window, now_ns)
            self._due[model] = window
        return results

    def _judge_anew(self, now_ns: int) -> list[WindowResult]:
        """Judge windows of the history by the references that count now; alerts hear nothing of it."""
        if self._references_changed.is_set():
            self._references_changed.clear()
            self._outdated = deque(self._judged_otherwise(now_ns - self._history_ns))
        results: list[WindowResult] = []
        began = time.monotonic()
        for _ in range(_ANEW_AT_ONCE):
            if not self._outdated or time.monotonic() - began > _AGAIN_FOR_S or self._stopping.is_set():
                break
            model, start_ns = self._outdated[0]
            window = Window.at(start_ns, self._width_ns)
            if (result := self._evaluated(model, window, now_ns, late=True)) is not None:
                results += self._revised(result, self._stored(result), anew=True)
            self._outdated.popleft()
        return results

    def _judged_otherwise(self, since_ns: int) -> list[tuple[str, int]]:
        """Windows judged before a reference of theirs was registered, or by another setting than now."""
        span = since_ns, self._width_ns
        found = {(row["window_start_ns"], row["model"]) for row in self._store.outdated(*span).to_pylist()}
        for row in self._store.judged_against(*span).to_pylist():
            if row["against"] != self._policy.against_of(row["model"]):
                found.add((row["window_start_ns"], row["model"]))
        return [(model, start_ns) for start_ns, model in sorted(found)]

    def _judge(self, model: str, window: Window, now_ns: int) -> list[WindowResult]:
        result = self._evaluated(model, window, now_ns)
        return [] if result is None else self._committed(result)

    def _evaluated(
        self, model: str, window: Window, now_ns: int, *, late: bool = False
    ) -> WindowResult | None:
        try:
            with _cycles_left():
                return evaluate(
                    self._store, model, window, self._policy, now_ns=now_ns, late=late, recent=self._recent
                )
        except CollectorError:
            raise
        except Exception:
            # One window that cannot be judged, whatever stands in it, shall not keep others from being so.
            logger.exception("a fault in judging %s in [%d, %d)", model, window.start_ns, window.end_ns)
            return None

    def _revised(
        self, result: WindowResult, stored: pa.Table, *, purged: bool = False, anew: bool = False
    ) -> list[WindowResult]:
        """Commit a revision of what is `stored`; where it says what is known, only that it was judged again.

        Where something was `purged`, earlier revisions go: they were judged on what is no more. Judged
        `anew` by another reference, it makes no alert, and what was counted on other bins keeps its verdict.
        """
        stays = not purged and same_numbers(stored, result)
        if anew and not stays and on_other_bins(stored, result):
            logger.info(
                "[%d, %d) of %s was counted on other bins", result.start_ns, result.end_ns, result.model
            )
            stays = True
        if stays:  # said all the same: else it would be judged again after each start
            again = judged_again(stored, result, self._policy.against_of(result.model))
            self._store.submit({"evaluations": again, **_gathered(result)}).result()
            return []
        self._committed(result, alerts=not anew)
        if purged:
            self._store.drop_revisions(result.model, result.start_ns, result.end_ns, before=result.revision)
        return [result]

    def _committed(self, result: WindowResult, *, alerts: bool = True) -> list[WindowResult]:
        with _cycles_left():
            table = result.table()
            follows = self._observe(table) if alerts else {}
        self._store.submit({"evaluations": table, **_gathered(result), **follows}).result()
        return [result]

    def _skip(self, model: str, window: Window, now_ns: int) -> Window:
        """The next window with something in it, or the last that has just closed."""
        last = Window.at(now_ns - self._lateness_ns, self._width_ns)
        later = self._store.progress(model, window.end_ns, max(last.start_ns, window.end_ns))
        sampled_ns = self._sampled_from(model, window.end_ns, max(last.end_ns, window.end_ns))
        starts = [*later.column("first_start_ns").to_pylist(), *([] if sampled_ns is None else [sampled_ns])]
        first = min(starts, default=last.start_ns)
        return max(window.after(), Window.at(first, self._width_ns), key=lambda w: w.start_ns)

    def _sampled_from(self, model: str, start_ns: int, end_ns: int) -> int | None:
        """When the first prediction in [start, end) was made that was sent whole; `None` where none was."""
        first = self._store.sampled(model, start_ns, end_ns, self._policy.future_tolerance_ns)
        return min(first.column("first_ns").to_pylist(), default=None)

    def _first(self, model: str, now_ns: int) -> Window:
        """After the last window that was judged, else where the model's data begin; within history."""
        judged = self._store.judged_until(model)
        if judged.num_rows:
            return Window.at(judged.column("window_end_ns")[0].as_py(), self._width_ns)
        models = self._store.models()
        begun = models.filter(pc.equal(models.column("model"), model)).column("first_ns")
        since_ns = now_ns - self._history_ns
        begins = pc.min(begun).as_py() or self._sampled_from(model, since_ns, now_ns) or now_ns
        return Window.at(max(begins, since_ns), self._width_ns)

    def _revise(self, now_ns: int) -> list[WindowResult]:
        """Judge windows again for which data came late, and those merged with them, once no more come."""
        since_ns = now_ns - self._history_ns
        self._arrivals.look(since_ns)

        def judged(model: str) -> tuple[int, int]:
            return since_ns, (self._due.get(model) or self._first(model, now_ns)).start_ns

        results: list[WindowResult] = []
        began = time.monotonic()
        for late in self._arrivals.settled(now_ns, judged):
            if time.monotonic() - began > _AGAIN_FOR_S or self._stopping.is_set():
                break
            window = Window.at(late.start_ns, self._width_ns)
            result = self._evaluated(late.model, window, now_ns, late=True) if self._to_revise(late) else None
            if result is not None:
                stored = self._stored(result)
                if late.own and not same_counts(stored, result):
                    self._arrivals.changed(late, judged(late.model)[1])
                    if self._policy.against_of(late.model) != "registered":
                        self._store.forget_sums(late.model, window.start_ns, window.end_ns)
                results += self._revised(result, stored, purged=late.purged)
            self._arrivals.judged(late)
        return results

    def _to_revise(self, late: Late) -> bool:
        """Whether data came for a window, or it was judged: else nobody had anything to say in it."""
        end_ns = late.start_ns + self._width_ns
        span = Selection(model=late.model, start_ns=late.start_ns, end_ns=end_ns, limit=1)
        return late.own or self._store.evaluations(span).num_rows > 0

    def _stored(self, result: WindowResult) -> pa.Table:
        return self._store.evaluations(
            Selection(model=result.model, start_ns=result.start_ns, end_ns=result.end_ns, limit=_MANY)
        )


def _gathered(result: WindowResult) -> Tables:
    return {} if result.gathered is None else {"window_counts": result.gathered}


@contextmanager
def _cycles_left() -> Iterator[None]:
    """Look for no cycles of garbage meanwhile: among hundreds of thousands of rows and numbers that are all
    kept, and make none, that took a seventh of the time.
    """
    looking = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looking:
            gc.enable()
