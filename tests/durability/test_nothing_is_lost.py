"""Killed, cut off, stalled and filled at random instants: in the end the ledger, both histories and InfluxDB agree.

At length: `scripts/durability`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from .proof import prove


@pytest.mark.system
@pytest.mark.component
@pytest.mark.timeout(900)
async def test_what_the_server_took_is_everywhere_once(component: Callable[[str], Path], tmp_path: Path) -> None:
    component("telegraf")
    component("influxd")
    seed = random.SystemRandom().randrange(10**6)
    report = await prove(tmp_path, seed, kills=2, others=1, say=print)
    assert not report.faults, f"seed {seed}:\n" + "\n".join(report.faults[:30])
    assert report.starts >= 2
    assert report.sent_again > 0
    assert report.ledger > 5_000
    assert report.written > 50
    assert set(report.places) == {"server's history", "historian's store", "InfluxDB"}
