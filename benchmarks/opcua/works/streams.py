"""Most values a second that a server sustains, CPU time for each, and sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmarks.opcua.measure import LATE_MS, Measurement, Plan, Result, plan
from benchmarks.opcua.progress import say
from benchmarks.opcua.servers.process import Server
from benchmarks.opcua.session import Security

SUBSCRIBERS = (1, 4, 8, 16, 24, 32, 48, 64, 80, 96)
"""Of our server not more than a million items."""
TAGS = (100, 200, 500, 1_000, 2_000, 3_500, 5_000, 7_000, 10_000)
FEW_TAGS = 500
"""What a server that cannot serve all tags serves to more and more subscribers."""
SESSIONS = {
    "product": (50, 100, 200, 400, 600, 900),
    "asyncua": (10, 20, 40, 60, 80, 120, 160),
    "node-opcua": (15, 30, 60, 90, 120, 180, 240),
}
SESSION_TAGS = 200
SESSION_POOL = 1_000
TIMER_LATE_MS = LATE_MS + 1000.0
"""A server whose publishing timers run apart from its changes is late by up to an interval before it does anything."""


@dataclass(frozen=True, slots=True)
class Options:
    """Of all works."""

    seconds: float
    tags: int


def by_subscribers(server: Server, options: Options, *, mixed: bool, secure: bool) -> list[Result]:
    """Add subscribers of all tags until it is too much."""
    security = Security(server.folder / "data" / "pki") if secure else None
    own = plan(server, options.tags, mixed=mixed)
    return _ramp(server, SUBSCRIBERS, lambda _: own, options, publishing_ms=100.0, security=security)


def by_tags(server: Server, options: Options) -> list[Result]:
    """Add tags to one subscriber until it is too much."""
    results = []
    for count in [each for each in TAGS if each <= options.tags]:
        results.append(one_subscriber(server, count, options.seconds, mixed=True))
        if not results[-1].sustained:
            break
    return results


def one_subscriber(server: Server, tags: int, seconds: float, *, mixed: bool) -> Result:
    """Measure one subscriber of so many tags."""
    own = plan(server, tags, mixed=mixed)
    (result,) = _ramp(server, (1,), lambda _: own, Options(seconds, tags), publishing_ms=100.0)
    return result


def sessions(server: Server, options: Options) -> list[Result]:
    """Add sessions of 200 tags until it is too much, even when what waits for the publishing timer is not late yet."""

    def of_session(index: int) -> Plan:
        first = index % (SESSION_POOL // SESSION_TAGS) * SESSION_TAGS
        return plan(server, SESSION_TAGS, mixed=True, first=first)

    return _ramp(server, SESSIONS[server.name], of_session, options, publishing_ms=1000.0, late_ms=TIMER_LATE_MS)


def best(results: Iterable[Result], by: Callable[[Result], float], late_ms: float = LATE_MS) -> Result | None:
    """Return the largest that was sustained."""
    return max((each for each in results if each.within(late_ms)), key=by, default=None)


def _ramp(
    server: Server,
    levels: Sequence[int],
    plans: Callable[[int], Plan],
    options: Options,
    *,
    publishing_ms: float,
    security: Security | None = None,
    late_ms: float = LATE_MS,
) -> list[Result]:
    results: list[Result] = []
    server.pause()
    measurement = Measurement(server, plans, publishing_ms=publishing_ms, security=security)
    try:
        for level in levels:
            measurement.grow(level)
            results.append(result := measurement.run(options.seconds))
            say(f"{server.name}: {line(result)}")
            if not result.within(late_ms):
                break
    finally:
        measurement.close()
    return results


def line(result: Result) -> str:
    """Return a result in one line."""
    return (
        f"{result.tags:,} tags to {result.subscribers:,}: {result.distinct_per_s:,.0f} changes/s, "
        f"{result.delivered_per_s:,.0f} values/s, {result.cpu_ms_per_1000:.3g} ms CPU per 1,000, "
        f"p50 {result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms, lost {result.lost:,}"
        + ("" if result.sustained else "; not sustained")
    )
