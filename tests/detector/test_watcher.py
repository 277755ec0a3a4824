"""What the watcher knows of the plant: the newest usable values, by reactor."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from detector.stream.normal_run import SIGNALS
from detector.stream.watcher import CLOCK, Watcher
from plant import quality
from plant.sample import Scalar
from runtime.opcua_link.values import Notification, Reading

REACTORS = ["R101", "R102"]


def told(name: str, value: Scalar | None, time: int = 0, status: int = quality.GOOD) -> Reading:
    return Reading(name, value, status, time, time)


def everything() -> list[Reading]:
    signals = [told(f"{reactor}.{name}", place + 1.0) for place, reactor in enumerate(REACTORS) for name in SIGNALS]
    loops = [told(f"{reactor}.TIC{reactor[1:]}.{leaf}", 2) for reactor in REACTORS for leaf in ("WSP", "Mode")]
    return signals + loops


def test_values_stand_in_the_column_of_their_signal_and_the_row_of_their_reactor() -> None:
    watcher = Watcher(None, REACTORS, 1.0, None, None, None)  # type: ignore[arg-type]
    names = [each.name for each in everything()] + [CLOCK]
    assert sorted(names) == sorted(watcher._names)
    assert watcher._take(Notification.of(everything(), watcher._names)) == 0
    assert not watcher._is_known.all()
    newest = [told(CLOCK, "2031-11-22T04:00:00Z", time) for time in (5, 9, 7)]
    newest += [told("R102.T", 350.0), told("R102.T", 351.0), told("R102.q", 9.0, status=quality.BAD_SENSOR_FAILURE)]
    assert watcher._take(Notification.of(newest, watcher._names)) == 9
    assert watcher._is_known.all()
    columns, wsp_k, judged = watcher._inputs_now()
    assert columns["T"].tolist() == [1.0, 351.0]
    assert columns["q"].tolist()[0] == 1.0
    assert math.isnan(columns["q"][1])
    assert wsp_k.tolist() == [2.0, 2.0]
    assert judged.tolist() == [True, False]


def test_a_reactor_is_not_judged_while_a_value_is_bad_and_is_while_it_is_uncertain() -> None:
    watcher = Watcher(None, REACTORS, 1.0, None, None, None)  # type: ignore[arg-type]

    def judged_after(*readings: Reading) -> list[bool]:
        watcher._take(Notification.of(list(readings), watcher._names))
        judged: list[bool] = watcher._inputs_now()[2].tolist()
        return judged

    assert judged_after(*everything()) == [True, True]
    failed = [told(f"R101.{name}", None, status=quality.BAD_SENSOR_FAILURE) for name in ("T", "r")]
    assert judged_after(*failed) == [False, True]
    assert judged_after(told("R101.T", 350.0)) == [False, True]
    assert judged_after(told("R101.r", 1.0, status=quality.UNCERTAIN_LAST_USABLE_VALUE)) == [True, True]
    assert watcher._inputs_now()[0]["T"].tolist() == [350.0, 2.0]


class Server:
    """A server that has begun anew: nobody has said anything of a reactor, its history knows what was said before."""

    def __init__(self, *history: Reading) -> None:
        self._history = history

    async def read(self, names: list[str]) -> list[Reading]:
        values = {CLOCK: told(CLOCK, "2031-11-22T04:00:00Z", 1000)}
        return [values.get(name, told(name, None, 900, quality.BAD_WAITING_FOR_INITIAL_DATA)) for name in names]

    async def history(self, name: str, start: int, end: int, *, bounds: bool = False) -> Notification:
        assert start < end == 1001
        assert bounds
        return Notification.of([each for each in self._history if each.name == name])


async def resumed(server: Server) -> tuple[set[str], Watcher]:
    judge: Any = SimpleNamespace(time=1000)
    watcher = Watcher(judge, REACTORS, 1.0, None, None, None)  # type: ignore[arg-type]
    link: Any = server
    return await watcher.resume(link), watcher


def said(reactor: str, time: int, *, anomaly: bool) -> list[Reading]:
    values = {"Anomaly": anomaly, "Cause": "T high" if anomaly else "", "Since": "1601-01-01T00:00:00.0000070Z"}
    given = [told(f"{reactor}.Detector.{leaf}", value, time) for leaf, value in values.items()]
    gone = [told(each.name, None, 800, quality.BAD_WAITING_FOR_INITIAL_DATA) for each in given]
    return [*given, *gone]


async def test_an_anomaly_goes_on_when_the_server_has_begun_anew() -> None:
    server = Server(*said("R101", 500, anomaly=True), *said("R102", 600, anomaly=False))
    under_way, watcher = await resumed(server)
    assert under_way == {"R101"}
    verdict = watcher._verdicts[0]
    assert (verdict.anomaly, verdict.cause, verdict.since) == (True, "T high", 70)
    assert not watcher._verdicts[1].anomaly


async def test_of_a_plant_without_a_past_none_is_under_way() -> None:
    under_way, _ = await resumed(Server())
    assert under_way == set()
