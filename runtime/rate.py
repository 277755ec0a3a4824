"""What each service does a second, from its own counters."""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry

from runtime.health import Health

COUNTERS = {
    "server": "cstr_changes_total",
    "controller": "cstr_loop_executions_total",
    "historian": "cstr_samples_stored_total",
    "detector": "cstr_detector_intervals_total",
}
EVERY_S = 2.0


async def measure(health: Health, registry: CollectorRegistry) -> None:
    """Keep `health.detail["rate"]` up to date, for ever."""
    name = COUNTERS[health.service]
    before, since = 0.0, time.monotonic()
    while True:
        await asyncio.sleep(EVERY_S)
        count, now = await asyncio.to_thread(total, registry, name), time.monotonic()
        health.detail["rate"] = shown((count - before) / (now - since))
        before, since = count, now


def total(registry: CollectorRegistry, name: str) -> float:
    """Return a counter summed over its labels; 0 while there is none of that name."""
    families = registry.restricted_registry([name]).collect()
    return sum(sample.value for family in families for sample in family.samples)


def shown(rate: float) -> str:
    """Return a rate as people read it."""
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
