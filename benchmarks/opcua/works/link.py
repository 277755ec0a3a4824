"""Values a second that a client takes: the historian's link beside asyncua's own client, from the same server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.opcua.measure import LATE_MS
from benchmarks.opcua.progress import say
from benchmarks.opcua.servers.process import END_S, ROOT, NotReady, Server, line_of

LEVELS = {
    "link": (
        (500, 1),
        (2_000, 1),
        (5_000, 1),
        (10_000, 1),
        (10_000, 2),
        (10_000, 4),
        (10_000, 8),
        (10_000, 12),
        (10_000, 16),
    ),
    "asyncua": ((200, 1), (500, 1), (1_000, 1), (2_000, 1), (5_000, 1), (10_000, 1)),
}
"""Tags and subscriptions of them in one session."""
QUIET_S = 1.5
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a client took."""

    client: str
    tags: int
    subscriptions: int
    offered_per_s: float
    """Changes of the tags, times subscriptions."""
    values_per_s: float
    values_per_cpu_s: float
    """Of the client's own CPU time."""
    p50_ms: float
    p99_ms: float
    lost: int

    @property
    def sustained(self) -> bool:
        """True when all came in time."""
        return not self.lost and self.p99_ms < LATE_MS

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return asdict(self) | {"sustained": self.sustained}


def by_client(server: Server, client: str, tags: int, seconds: float) -> list[Taken]:
    """Offer more and more to a client until it is too much."""
    results: list[Taken] = []
    for count, subscriptions in _within(LEVELS[client], tags):
        try:
            taken = _take(server, client, server.tags.changing[:count], subscriptions, seconds)
        except NotReady as error:
            if not results:
                raise
            say(f"{client}: {count:,} tags x {subscriptions}: {error}")
            break
        results.append(taken)
        say(
            f"{client}: {count:,} tags x {subscriptions}: {taken.values_per_s:,.0f} values/s, "
            f"{taken.values_per_cpu_s:,.0f} a CPU second, p99 {taken.p99_ms:.0f} ms, lost {taken.lost:,}"
        )
        if not taken.sustained:
            break
    return results


def _within(levels: Sequence[tuple[int, int]], tags: int) -> list[tuple[int, int]]:
    return list(dict.fromkeys((min(count, tags), subscriptions) for count, subscriptions in levels))


def _take(server: Server, client: str, nodes: list[str], subscriptions: int, seconds: float) -> Taken:
    server.pause()
    command = [sys.executable, "-m", "benchmarks.opcua.clients", client, server.endpoint, str(subscriptions)]
    log = server.folder / "client-log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            return _counted(server, client, process, nodes, subscriptions, seconds)
        except NotReady:
            raise NotReady(f"the client {client} ended: {_reason(log.read_text(errors='replace'))}") from None
        finally:
            _end(process)


def _counted(
    server: Server, client: str, process: subprocess.Popen[str], nodes: list[str], subscriptions: int, seconds: float
) -> Taken:
    def tell(words: str) -> None:
        if process.stdin is not None:
            process.stdin.write(words + "\n")
            process.stdin.flush()

    def ask(words: str) -> dict[str, float]:
        tell(words)
        answer: dict[str, float] = json.loads(line_of(process.stdout))
        return answer

    tell(json.dumps(nodes))
    line_of(process.stdout)
    before = server.produced(nodes)
    ask("count")
    began = time.monotonic()
    server.resume(len(nodes), 0)
    time.sleep(seconds)
    seen = ask("report")
    server.pause()
    window = time.monotonic() - began
    report = _drained(ask)
    changes = sum(server.produced(nodes)) - sum(before)
    return Taken(
        client,
        len(nodes),
        subscriptions,
        changes * subscriptions / window,
        seen["records"] / window,
        report["records"] / report["cpu_s"],
        report["p50_ms"],
        report["p99_ms"],
        max(0, changes * subscriptions - int(report["records"])),
    )


def _reason(log: str) -> str:
    """Return the last exception of a traceback, in one line."""
    lines = [line.strip(" |+-") for line in log.splitlines()]
    return next((line for line in reversed(lines) if "Error: " in line or "Lost: " in line), "no reason given")


def _end(process: subprocess.Popen[str]) -> None:
    """Let it take leave: the server must not keep its subscriptions."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _drained(ask: Any) -> dict[str, float]:
    """Return the report when nothing more has come for a while."""
    report: dict[str, float] = ask("report")
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end:
        time.sleep(QUIET_S)
        later: dict[str, float] = ask("report")
        if later["records"] == report["records"]:
            return report
        report = later
    return report
