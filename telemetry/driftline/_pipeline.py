"""What the worker does at each tick: take up rows, count them into windows, choose samples, close windows."""

import math
import time
from typing import Any

import numpy as np
from driftline_schemas.windows import window_end, window_start

from driftline._clock import Clock, Tick
from driftline._frame import Frame, of_batch, of_handles
from driftline._handle import Batch
from driftline._intake import Failure, Intake, Truth
from driftline._layout import Layout
from driftline._messages import Messages
from driftline._outbox import Outbox
from driftline._profile import Profile, Profiler
from driftline._sampling import Sampler
from driftline._settings import Settings
from driftline._slot import Counter
from driftline._turns import give_way, hurry

#: Rows counted at once, of single predictions and of batches.
SLICE = 512
BATCH_SLICE = 8192
#: Records that may gather before they are put in the spool in the middle of a tick.
MANY = 2048
#: A tick that comes a little early syncs all the same, rather than let it wait for the next.
ALMOST = 0.9
#: Predictions that are reserved ahead on disk, at least: after a power cut they may have been made, or not.
RESERVE = 1000
#: Empty windows in a row, after which the rest up to now is sent as one.
IDLE_WINDOWS = 10


class Pipeline:
    """Owns the open windows. All methods are the worker's."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        layout: Layout,
        outbox: Outbox,
        *,
        counter: Counter,
        clock: Clock,
    ) -> None:
        binning = settings.reference.binning if settings.reference else None
        self._settings = settings
        self._intake = intake
        self._layout = layout
        self._outbox = outbox
        self._counter = counter
        self._clock = clock
        self._width = settings.window_ns
        self._profiler = Profiler(binning, intake.drops)
        self._sampler = Sampler(settings.sample_rate, settings.escalate_below, settings.escalated_sample_rate)
        self._messages = Messages(settings, layout, self._profiler, outbox)
        self._absorbed = 0
        #: By aligned start. The open window is [`_start`, aligned end); its key may lie before `_start`.
        self._profiles: dict[int, Profile] = {}
        self._start = outbox.stream.window_end
        self._latest = 0
        self._left_open = 0
        self._reserved = 0
        self._last_made = 0
        self._synced = 0.0

    # -- a tick -----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take up what there is, and no more."""
        tick = self._clock.tick()
        self._take_up(tick)
        if self._counter.made > self._reserved:
            self._leave_open(tick.now)

    def tick(self, *, cut: bool = False, sync: bool = False) -> None:
        """Take up what there is, close what is over, write it out; with `cut` close the open window, too,
        with `sync` have it all on the medium."""
        tick = self._clock.tick()
        self._take_up(tick)
        self._close_until(tick.now)
        if cut:
            self._cut(self._clock.time_ns())
        self._outbox.announce_losses(tick.now)
        self._outbox.write(tick.now)
        if sync or time.monotonic() - self._synced >= self._settings.sync_interval * ALMOST:
            self._sync(tick.now)

    def _sync(self, now: int) -> None:
        self._synced = time.monotonic()
        self._outbox.sync()
        self._leave_open(now)

    def end(self) -> None:
        """Close the open window, empty or not, and end the stream."""
        self.tick(cut=True)
        if (now := self._clock.time_ns()) > self._start:
            self._close(now)
        made = self._counter.made - self._outbox.stream.base
        self._outbox.end(made, self._clock.time_ns())

    def _take_up(self, tick: Tick) -> None:
        others = self._intake.take_others()
        if tick.jump:
            self._jump(tick)
        else:
            for frame in self._frames():
                self._absorb(frame)
        for other in others:
            self._take(other)
        self._intake.rearm()

    def _frames(self) -> Any:
        """The rows that wait now, as frames; what comes meanwhile is the next tick's."""
        waiting = len(self._intake.rows)
        # A caller that holds the lock for itself gives it back every five milliseconds only.
        hurry(waiting > self._intake.size // 8)
        while waiting > 0 and (rows := self._intake.take_rows(min(SLICE, waiting))):
            waiting -= len(rows)
            yield of_handles(rows, numeric=self._profiler.all_numeric(self._layout.names))
            give_way()
        hurry(False)

    def _take(self, other: Any) -> None:
        if isinstance(other, Batch):
            for start in range(0, len(other), BATCH_SLICE):
                self._absorb(of_batch(other, start, min(start + BATCH_SLICE, len(other))))
                give_way()
        elif isinstance(other, Truth):
            self._messages.ground_truth(other)
        elif isinstance(other, Failure):
            self._messages.failure(other)
        else:
            self._outbox.event(other)

    # -- windows ----------------------------------------------------------------------------------

    def _absorb(self, frame: Frame) -> None:
        """Count a frame, each row in the window of its own time, or in the open one if that is closed."""
        escalated = self._sampler.escalated(frame)
        names = self._layout.names
        first, last = int(frame.times.min()), int(frame.times.max())
        key = max(window_start(first, self._width), window_start(self._start, self._width))
        if last < key + self._width:
            self._profile(key).add(frame, names, escalated)
        else:
            keys = np.maximum(frame.times - frame.times % self._width, key)
            for key in np.unique(keys).tolist():
                mask = keys == key
                part = None if escalated is None else escalated[mask]
                self._profile(key).add(frame.select(mask), names, part)
        self._absorbed += len(frame)
        self._latest = max(self._latest, last)
        self._messages.sample(frame, self._sampler.choose(len(frame), escalated))
        due = time.monotonic() - self._synced >= (self._settings.sync_interval or math.inf)
        if due:
            # More rows wait than can be taken up in an interval. They come in the order of their times: what
            # ended before this frame is whole.
            self._close_until(min(first, self._clock.time_ns()))
        if due or self._outbox.waiting > MANY:
            self._outbox.write(self._clock.time_ns())
        if due:
            self._sync(self._latest)

    def _profile(self, key: int) -> Profile:
        profile = self._profiles.get(key)
        if profile is None:
            profile = self._profiles[key] = Profile(self._profiler)
        return profile

    def _close_until(self, now: int) -> None:
        """Close each window that ended by `now`; those without traffic, too."""
        empty = min(self._profiles, default=window_start(now, self._width))
        if empty - self._start > IDLE_WINDOWS * self._width:
            self._close(empty)  # the process was stopped for a while
        while (end := window_end(self._start, self._width)) <= now:
            self._close(end)

    def _close(self, end: int) -> None:
        profile = self._profiles.pop(window_start(self._start, self._width), None)
        self._left_open = 0
        self._outbox.window(profile or Profile(self._profiler), self._start, end)
        self._start = end

    def _cut(self, now: int) -> None:
        """Close the open window early, where it has something in it."""
        end = max(now, self._latest + 1)
        self._close_until(end)
        if self._profiles and end > self._start:
            self._close(end)

    def _leave_open(self, now: int) -> None:
        """Have the open window survive this process, where anything came into it since the last time."""
        profile = self._profiles.get(window_start(self._start, self._width))
        made = self._counter.made
        if (profile is not None and profile.predictions != self._left_open) or made > self._reserved:
            reserved = made + max(RESERVE, 2 * (made - self._last_made))
            end = max(now, self._latest, self._start) + 1
            if profile is not None and len(self._profiles) > 1:
                end = min(end, window_end(self._start, self._width))  # the rest is another window's
            if self._outbox.open_window(profile, self._start, end, made=made, reserved=reserved):
                self._left_open = profile.predictions if profile is not None else 0
                self._reserved, self._last_made = reserved, made

    def _jump(self, tick: Tick) -> None:
        """Somebody set the clock between the last tick and this one: no window holds times of both."""
        before: list[Frame] = []
        after: list[Frame] = []
        for frame in self._frames():
            old = frame.times <= tick.expected if tick.jump > 0 else frame.times >= tick.last
            before.append(frame.select(old))
            after.append(frame.select(~old))
        for frame in before:
            if len(frame):
                self._absorb(frame)
        self._close_until(tick.expected)
        if tick.expected > self._start:
            self._close(tick.expected)
        resumed = tick.last + tick.jump
        if tick.jump < 0:
            # Time runs again over what the windows of this stream have covered: go on as another stream.
            made = self._absorbed
            base = self._outbox.stream.base + made
            self._outbox.end(made, tick.expected)
            self._outbox.begin(base, resumed)
            self._absorbed = 0
            self._start = resumed
            self._latest = 0
            self._profiles.clear()
        elif resumed > self._start:
            self._close(resumed)  # nothing was predicted in the time that never was
        for frame in after:
            if len(frame):
                self._absorb(frame)
