"""Twenty seconds of mutated messages while the plant runs; `scripts/fuzz` has no end of them."""

from __future__ import annotations

import random
from pathlib import Path

from .run import described, run

SECONDS = 20.0
FEWEST = 1_000
"""Messages, on a machine that has other work."""


async def test_mutated_messages_disturb_nobody(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    outcome = await run(tmp_path, seed, messages=float("inf"), seconds=SECONDS, say=print)
    assert outcome.faults() == [], described(outcome)
    assert outcome.tally.messages > FEWEST
    assert outcome.seen.scans > SECONDS
