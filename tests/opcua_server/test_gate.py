"""Strangers' turns at the gate, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from typing import Any

import async_solipsism
import pytest

from opcua_server.gate import LONGEST_PAUSE_S, LONGEST_TURN_S, Gate


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=async_solipsism.EventLoop) as runner:
        yield runner


async def together(*visits: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(*visits)


class Visitors:
    """Those who ask for a turn, and when each had its own."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.turns: list[tuple[str, float]] = []

    async def visit(self, name: str, seconds: float) -> None:
        async with self.gate.turn(name[0]):
            self.turns.append((name, asyncio.get_running_loop().time()))
            await asyncio.sleep(seconds)

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.turns]


def test_each_address_has_its_turn(runner: asyncio.Runner) -> None:
    visitors = Visitors()
    runner.run(together(*(visitors.visit(name, 0.001) for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"))))
    assert visitors.order == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


def test_half_of_the_time_is_left_for_others(runner: asyncio.Runner) -> None:
    visitors = Visitors()
    runner.run(together(*(visitors.visit("a", 0.01) for _ in range(10))))
    starts = [start for _, start in visitors.turns]
    assert [after - before for before, after in itertools.pairwise(starts)] == pytest.approx([0.02] * 9)


def test_a_long_turn_keeps_nobody_waiting_for_long(runner: asyncio.Runner) -> None:
    visitors = Visitors()
    runner.run(together(visitors.visit("a1", 60.0), visitors.visit("a2", 0.0), visitors.visit("b1", 0.0)))
    assert visitors.order == ["a1", "a2", "b1"]
    assert visitors.turns[-1][1] - visitors.turns[0][1] < LONGEST_TURN_S + 2 * LONGEST_PAUSE_S


def test_who_gives_up_leaves_the_gate_to_the_others(runner: asyncio.Runner) -> None:
    visitors = Visitors()

    async def visit() -> None:
        first = asyncio.create_task(visitors.visit("a1", 0.001))
        waiting = [asyncio.create_task(visitors.visit(name, 0.001)) for name in ("a2", "a3", "a4")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await first
        await asyncio.sleep(0.0015)  # a3 has its turn
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await visitors.visit("b", 0.0)

    runner.run(visit())
    assert visitors.order == ["a1", "a3", "a4", "b"]
