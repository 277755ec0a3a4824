"""Watches the running plant over OPC UA: reads, judges once an interval, writes the verdicts back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from detector.statements import Anomaly
from detector.stream.expectation import FEATURES
from detector.stream.judge import Judge, Scores, Verdict
from detector.stream.model import Floats
from detector.stream.normal_run import SIGNALS
from detector.stream.windows import Window, Windows
from plant import quality
from plant.clock import TICKS_PER_SECOND, datetime_from_ticks, ticks_from_text
from plant.names import PLANT, loop_name
from plant.sample import Scalar
from plant.schedule import Schedule
from runtime.errors import BadInput
from runtime.opcua_link.link import OpcuaLink
from runtime.opcua_link.values import Notification, Reading

log = logging.getLogger("detector")

METHOD = "baseline"
CLOCK = f"{PLANT}.Simulation.Time"
LOOP_LEAVES = ("WSP", "Mode")
AUTO = 2
PUBLISHING_S = 0.1
REMEMBERED_S = 300
"""How far back the working setpoint is asked for at the start, and the last verdict of a server that has begun anew."""

WORSE = 1.2
"""An episode under way is told of again when its peak has grown by this factor."""

OnEpisode = Callable[[Anomaly], None]
OnHour = Callable[[dict[str, Window]], None]


class Watcher:
    """All reactors of one server; made anew for each connection."""

    def __init__(
        self,
        judge: Judge,
        reactors: list[str],
        interval_s: float,
        windows: Windows,
        on_episode: OnEpisode,
        on_hour: OnHour,
    ) -> None:
        self.reactors = reactors
        self._judge = judge
        self._windows = windows
        self._on_episode = on_episode
        self._on_hour = on_hour
        self._schedule = Schedule(interval_s)
        self._names = [f"{reactor}.{leaf}" for reactor in reactors for leaf in _leaves(reactor)] + [CLOCK]
        self._values = np.full(len(self._names), np.nan)
        """Of each name; NaN where it is Bad or no number."""
        self._is_known = np.zeros(len(self._names), np.bool_)
        self._verdicts = [Verdict() for _ in reactors]
        self._details: dict[str, dict[str, object]] = {}
        self._told: dict[str, float] = {}
        self._written: dict[str, Scalar] = {}
        self._refused: dict[str, int] = {}

    async def run(self, link: OpcuaLink, on_judged: Callable[[], None]) -> None:
        """Judge until the link is lost; `on_judged` is called after each interval."""

        async def on_data(data: Notification) -> None:
            now = self._take(data)
            if now and self._schedule.is_due(now) and self._is_known.all():
                await self._step(link, now)
                on_judged()

        await link.subscribe(self._names, on_data, publishing_s=PUBLISHING_S)
        await asyncio.Event().wait()

    def _take(self, data: Notification) -> int:
        """Remember the newest values; return the clock's time where it is among them, else 0."""
        self._values[data.index] = np.where(data.is_bad, np.nan, data.numbers)
        self._is_known[data.index] = True
        clock = data.source_time[data.index == len(self._names) - 1]
        return int(clock.max(initial=0))

    async def resume(self, link: OpcuaLink) -> set[str]:
        """Take up the ramps of the last minutes and the episodes under way; return the reactors that have one."""
        under_way = set()
        (clock,) = await link.read([CLOCK])
        await self._catch_up(link, clock.source_time)
        for index, reactor in enumerate(self.reactors):
            anomaly, cause, since = await _verdict(link, reactor, clock.source_time)
            if anomaly.value is True and not since.is_bad:
                under_way.add(reactor)
                self._verdicts[index] = Verdict(True, str(cause.value), ticks_from_text(str(since.value)), 1.0)
        return under_way

    async def _catch_up(self, link: OpcuaLink, now: int) -> None:
        """Take the working setpoints since the last step, or of the last minutes."""
        since = max(self._judge.time, now - REMEMBERED_S * TICKS_PER_SECOND)
        seconds = np.arange(since, now, TICKS_PER_SECOND)
        self._judge.time = now
        if seconds.size:
            past = np.stack([await self._past(link, reactor, seconds, now) for reactor in self.reactors])
            for wsp_k in past.T:
                self._judge.remember(wsp_k, 1.0)

    async def _past(self, link: OpcuaLink, reactor: str, seconds: NDArray[np.int64], now: int) -> Floats:
        """Return the working setpoint at each of these times (ticks), NaN where the server does not remember it."""
        name = f"{reactor}.{loop_name(reactor)}.WSP"
        try:
            known = await link.history(name, int(seconds[0]), now + 1)
        except BadInput as error:
            log.info("no history of the working setpoint (%s): taken as steady", error)
            return np.full(len(seconds), np.nan)
        values = np.concatenate([[np.nan], known.numbers])
        held: Floats = values[np.searchsorted(known.source_time, seconds, side="right")]
        return held

    async def _step(self, link: OpcuaLink, now: int) -> None:
        dt_s = (now - self._judge.time) / TICKS_PER_SECOND
        self._judge.time = now
        if dt_s <= 0:
            return
        columns, wsp_k, judged = self._inputs_now()
        scores = self._judge.step(columns, wsp_k, judged, dt_s)
        for index, reactor in enumerate(self.reactors):
            self._follow(index, reactor, scores, now, dt_s)
        anomaly = np.array([verdict.anomaly for verdict in self._verdicts])
        ended = self._windows.add(now, columns, judged, anomaly)
        if ended:
            self._on_hour(ended)
        await self._write(link, scores)

    def _inputs_now(self) -> tuple[dict[str, Floats], Floats, NDArray[np.bool_]]:
        """Return the features' columns, the working setpoints, and which reactors can be judged."""
        rows = self._values[:-1].reshape(len(self.reactors), -1)
        column: dict[str, Floats] = dict(zip((*SIGNALS, *LOOP_LEAVES), rows.T.copy(), strict=True))
        judged = column["Mode"] == AUTO
        for leaf in (*SIGNALS, "WSP"):
            judged &= np.isfinite(column[leaf])
        return {name: column[name] for name in SIGNALS}, column["WSP"], judged

    def _follow(self, index: int, reactor: str, scores: Scores, now: int, dt_s: float) -> None:
        before = self._verdicts[index]
        after = self._verdicts[index] = before.after(float(scores.score[index]), scores.cause[index], now, dt_s)
        if after.anomaly and not before.anomaly:
            deviations = {name: round(float(sd), 1) for name, sd in zip(FEATURES, scores.deviation[index], strict=True)}
            self._details[reactor] = {"deviations_sd": deviations}
        if after.anomaly or before.anomaly:
            self._report(reactor, before, after, now)

    def _report(self, reactor: str, before: Verdict, after: Verdict, now: int) -> None:
        """Tell of an episode's start, of a much higher peak, and of its end."""
        started, ended = after.anomaly and not before.anomaly, before.anomaly and not after.anomaly
        episode = before if ended else after
        if started or ended or after.peak > WORSE * self._told.get(reactor, 0.0):
            self._told[reactor] = after.peak
            if started or ended:
                log.info("%s: %s %s", reactor, episode.cause, "ended" if ended else "began")
            self._on_episode(
                Anomaly(
                    reactor,
                    datetime_from_ticks(episode.since),
                    datetime_from_ticks(now) if ended else None,
                    episode.peak,
                    METHOD,
                    episode.cause,
                    self._details.get(reactor, {}),
                )
            )

    async def _write(self, link: OpcuaLink, scores: Scores) -> None:
        wanted: dict[str, Scalar] = {}
        for index, reactor in enumerate(self.reactors):
            verdict = self._verdicts[index]
            wanted[f"{reactor}.Detector.Anomaly"] = verdict.anomaly
            wanted[f"{reactor}.Detector.Score"] = round(float(scores.score[index]), 4)
            wanted[f"{reactor}.Detector.Cause"] = verdict.cause
            wanted[f"{reactor}.Detector.Since"] = verdict.since
        changed = {name: value for name, value in wanted.items() if self._written.get(name) != value}
        if not changed:
            return
        results = await link.write(changed)
        refused = {name: status for name, status in results.items() if quality.is_bad(status)}
        self._written |= {name: value for name, value in changed.items() if name not in refused}
        self._note(refused)

    def _note(self, refused: Mapping[str, int]) -> None:
        if refused and not self._refused:
            name, status = next(iter(refused.items()))
            log.warning("the server refuses verdicts: %s %s", name, quality.name_of(status))
        self._refused = dict(refused)


_RESUMED = ("Anomaly", "Cause", "Since")


async def _verdict(link: OpcuaLink, reactor: str, now: int) -> list[Reading]:
    """Return what was said last of a reactor; of a server that has begun anew since, its history knows."""
    present = await link.read([f"{reactor}.Detector.{leaf}" for leaf in _RESUMED])
    if not present[0].is_bad:
        return present
    anomaly = await _last_good(link, present[0], now)
    if anomaly.value is not True:
        return present
    return [anomaly, *[await _last_good(link, each, now) for each in present[1:]]]


async def _last_good(link: OpcuaLink, present: Reading, now: int) -> Reading:
    """Return the newest value of the last minutes, or that before them."""
    try:
        known = await link.history(present.name, now - REMEMBERED_S * TICKS_PER_SECOND, now + 1, bounds=True)
    except BadInput as error:
        log.info("no history of the verdict (%s)", error)
        return present
    return next((each for each in reversed(known.readings()) if not each.is_bad), present)


def _leaves(reactor: str) -> list[str]:
    """Return what is subscribed to of a reactor, in the order of the columns."""
    return [*SIGNALS, *(f"{loop_name(reactor)}.{leaf}" for leaf in LOOP_LEAVES)]
