"""A server under test: its process, what it costs, and the tags it serves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import psutil
from asyncua import ua

from benchmarks.opcua.channel import Disconnected
from benchmarks.opcua.session import Session
from runtime.ports import free_port

SERVER_CORE, GENERATOR_CORE = 0, 1
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
CONNECT_S = 0.02
END_S = 20.0
ROOT = Path(__file__).parents[3]


class NotReady(Exception):  # noqa: N818
    """A server did not serve in time, or ended."""


@dataclass(frozen=True, slots=True)
class TagSet:
    """NodeIds, by what is done with them."""

    changing: list[str]
    """Doubles that the server changes every period."""
    written: list[tuple[str, ua.VariantType]]
    """What a second client writes."""
    failing: list[str] = field(default_factory=list)
    """What the server gives a Bad status now and then."""
    deadband: float = 0.3
    """Of the items that have one: most changes stay within it."""


class Server(ABC):
    """One of the three servers, pinned to a core of its own; changes nothing while it is paused."""

    name: str
    source_time_stops = False
    """True where a pause is felt in source times ever after."""
    counts_writes = False
    """True where `produced` has what clients wrote."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="opcua-benchmark-"))
        self.started = 0.0
        self._process: subprocess.Popen[str] | None = None

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """Where clients connect."""

    @property
    @abstractmethod
    def tags(self) -> TagSet:
        """What it serves."""

    @abstractmethod
    def command(self) -> tuple[list[str], Mapping[str, str]]:
        """Return the command, and what it adds to the environment."""

    @abstractmethod
    def pause(self) -> None:
        """Change nothing from when this returns."""

    @abstractmethod
    def resume(self, tags: int, failing: int) -> None:
        """Change at least the first `tags` of `changing` every period; so many of `failing` go Bad now and then."""

    @abstractmethod
    def produced(self, tags: Sequence[str]) -> list[int]:
        """Return how often each has changed; only while paused."""

    def __enter__(self) -> Self:
        command, environment = self.command()
        self.started = time.monotonic()
        self._log: IO[str] = (self.folder / "log").open("w")
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._log):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process; only within `with`."""
        if self._process is None:
            message = f"{self.name} has not been started"
            raise NotReady(message)
        return self._process

    def wait(self, within_s: float) -> float:
        """Return how long it took from its start until a client read a good value.

        Raises:
            NotReady: when that is too long.
        """
        node = self.tags.changing[-1]
        while time.monotonic() - self.started < within_s:
            if self.process.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.process.returncode}: {self.last_words()}")
            try:
                session = Session(self.endpoint)
                good = session.read([node])[0].StatusCode
                session.close()
            except (OSError, Disconnected, ua.UaError):
                good = None
            if good is not None and good.is_good():
                return time.monotonic() - self.started
            time.sleep(CONNECT_S)
        raise NotReady(f"{self.name} did not serve within {within_s:g} s: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last line that it wrote on standard error."""
        lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"

    def cpu_s(self) -> float:
        """Return utime and stime so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def rss(self) -> int:
        """Return the resident memory, bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)


def line_of(stream: Any) -> str:
    """Read one line of a server's standard output.

    Raises:
        NotReady: when it has ended.
    """
    line = stream.readline()
    if not line:
        message = "it ended"
        raise NotReady(message)
    return str(line)
