"""One run: a server in a process of its own whose plant runs, a bystander, fuzzers, and what became of them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from runtime.pki.own import application_uri, own_identities

from ..conformity.wire import Application
from ..server_process import ServerProcess
from . import corpus
from .bystander import Seen
from .connection import FuzzConnection, Tally
from .fuzzers import HandshakeFuzzer, SessionFuzzer

ROOT = Path(__file__).parents[3]
MOST_GROWTH_BYTES = 300 << 20
MOST_LATE_S = 2.0
"""Of a scan, an answer, or a publication: the machine has other work, too."""
PLAIN = 4
"""Fuzzers of sessions without security, of which more are served in the same time."""
LOOK_S = 0.5
_METRIC = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a run has shown."""

    seed: int
    tally: Tally
    seen: Seen
    rss_before: int
    rss_most: int
    latest_scan_s: float
    lost_s: float
    log: str
    limits: dict[str, float] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """Return what should not have happened."""
        found = {
            "the server's log has an exception": "Traceback" in self.log,
            f"memory grew by {(self.rss_most - self.rss_before) >> 20} MB": self.rss_most - self.rss_before
            > MOST_GROWTH_BYTES,
            f"a scan was {self.latest_scan_s:.2f} s late": self.latest_scan_s > MOST_LATE_S,
            f"{self.lost_s:.1f} s of plant time were lost": self.lost_s > 0.0,
            f"{self.seen.missing} scans did not reach the bystander": self.seen.missing != 0,
            f"the bystander was told nothing for {self.seen.longest_silence_s:.2f} s": self.seen.longest_silence_s
            > MOST_LATE_S,
            f"a read of the bystander took {self.seen.slowest_read_s:.2f} s": self.seen.slowest_read_s > MOST_LATE_S,
            f"{self.tally.unanswered} connections were served no longer": self.tally.unanswered != 0,
            "some requests were answered with an internal error": any(
                name in ("BadInternalError", "BadUnexpectedError") for name, _ in self.tally.named()
            ),
        }
        return [text for text, is_true in found.items() if is_true]


async def run(folder: Path, seed: int, *, messages: float, seconds: float, say: Say) -> Outcome:
    """Fuzz until so many messages are sent or so much time is over."""
    process = ServerProcess(folder, settings={"SERVER__LOCKSTEP": "false"})
    try:
        return await _Run(folder, process, seed).go(messages, seconds, say)
    finally:
        process.stop()


class _Run:
    def __init__(self, folder: Path, process: ServerProcess, seed: int) -> None:
        self._folder, self._process, self._seed = folder, process, seed
        self._tally = FuzzConnection.tally = Tally()
        self._looked_at = 0
        """How much of the log."""

    async def go(self, messages: float, seconds: float, say: Say) -> Outcome:
        endpoint = self._process.endpoint()
        identity = own_identities(self._folder / "pki", (), "wire")[0]
        known = Application(application_uri("wire"), identity)
        tally, until = self._tally, time.monotonic() + seconds
        fuzzers = [
            *(
                SessionFuzzer(endpoint, Application(), f"{self._seed} plain {n}", tally, self._note)
                for n in range(PLAIN)
            ),
            SessionFuzzer(endpoint, known, f"{self._seed} secured", tally, self._note),
            HandshakeFuzzer(endpoint, known, f"{self._seed} handshake", tally),
        ]

        def is_over() -> bool:
            return tally.messages >= messages or time.monotonic() > until or not self._process.is_running

        argv = [sys.executable, "-m", f"{__package__}.bystander", endpoint]
        tasks: list[asyncio.Task[None]] = []
        bystander = subprocess.Popen(  # noqa: ASYNC220
            argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            await asyncio.sleep(1.0)
            server = psutil.Process(self._process.pid)
            before = most = server.memory_info().rss
            latest, began, told_at = 0.0, time.monotonic(), 0.0
            tasks = [asyncio.create_task(each.run(is_over), name="fuzzer") for each in fuzzers]
            while not all(task.done() for task in tasks):
                done, _ = await asyncio.wait(tasks, timeout=LOOK_S, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                most = max(most, server.memory_info().rss) if self._process.is_running else most
                found = await asyncio.to_thread(self._metrics)
                latest = max(latest, found.get("cstr_scan_behind_seconds", 0.0))
                if time.monotonic() > told_at + 5.0:
                    told_at = time.monotonic()
                    say(self._progress(messages, told_at - began, most, latest))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            seen, _ = await asyncio.to_thread(bystander.communicate, "")
        found = await asyncio.to_thread(self._metrics)
        return Outcome(
            self._seed,
            tally,
            Seen(**json.loads(seen)) if seen.strip() else Seen(missing=-1),
            before,
            most,
            latest,
            found.get("cstr_scan_lost_seconds_total", -1.0),
            self._process.log(),
            {name: value for name, value in found.items() if name.startswith("cstr_limit_reached_total")},
        )

    def _note(self, bodies: list[bytes], is_answered: bool) -> None:
        """Keep the bodies of a batch after which there is one more exception in the log, or no answer."""
        with (self._folder / "log").open("rb") as log:
            log.seek(self._looked_at)
            said = log.read()
        self._looked_at += len(said)
        if b"Traceback" in said or not is_answered:
            for number, body in enumerate(bodies):
                name = f"found-{self._seed}-{self._tally.messages}-{number}"
                corpus.save(
                    self._folder,
                    name,
                    body,
                    f"seed {self._seed}, one of a batch before {'an exception' if is_answered else 'no answer'}",
                )

    def _metrics(self) -> dict[str, float]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._process.health_port}/metrics", timeout=5) as answer:
                return {name: float(value) for name, value in _METRIC.findall(answer.read().decode())}
        except OSError:
            return {}

    def _progress(self, messages: float, elapsed: float, rss: int, latest: float) -> str:
        sent = self._tally.messages
        rate = sent / max(elapsed, 1e-9)
        return (
            f"{sent:,} messages, {rate:,.0f}/s, {(messages - sent) / max(rate, 1e-9) / 60:.0f} min left; "
            f"server {rss >> 20} MB at most, scans {latest:.2f} s late at most; {self._tally.lost:,} connections lost"
        )


def described(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome for people."""
    return {
        "seed": outcome.seed,
        "messages": outcome.tally.messages,
        "connections lost": outcome.tally.lost,
        "answers": dict(outcome.tally.named()),
        "limits": outcome.limits,
        "bystander": vars(outcome.seen),
        "rss MB": [outcome.rss_before >> 20, outcome.rss_most >> 20],
        "latest scan s": outcome.latest_scan_s,
        "faults": outcome.faults(),
    }
