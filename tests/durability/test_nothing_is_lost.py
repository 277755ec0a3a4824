"""Killed, cut off, stalled and filled at random instants: in the end the ledger, both histories and InfluxDB agree.

At length: `scripts/durability`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from .proof import prove
from .troubles import Trouble, drawn

pytestmark = [pytest.mark.system, pytest.mark.component, pytest.mark.timeout(900)]


@pytest.fixture(autouse=True)
def components(component: Callable[[str], Path]) -> None:
    component("telegraf")
    component("influxd")


async def test_what_the_server_took_is_everywhere_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    report = await prove(tmp_path, seed, drawn(seed, kills=2, others=1), say=print)
    assert not report.faults, f"seed {seed}:\n" + "\n".join(report.faults[:30])
    assert report.starts >= 2
    assert report.ledger > 5_000
    assert report.written > 50
    assert set(report.places) == {"server's history", "historian's store", "InfluxDB"}


async def test_what_a_broker_has_forgotten_is_sent_again(tmp_path: Path) -> None:
    report = await prove(tmp_path, 1, [Trouble("forget", "mqtt", 5.0, 0.0)], say=print)
    assert not report.faults, "\n".join(report.faults[:30])
    assert report.sent_again > 100
