"""Questions over one kept connection, and how long each answer took."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import psutil

NO_HEADERS: Mapping[str, str] = {}
_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked again and again."""

    name: str
    paths: tuple[str, ...]
    """Asked in turn."""
    target: str = ""
    accept: str = "application/json"
    share: float = 1.0
    """Of the requests that are asked for."""
    bodies: tuple[str, ...] = ()
    """Posted in turn to the first path, where there are any."""

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Paths with their bodies, in turn."""
        return (
            [(path, "") for path in self.paths] if not self.bodies else [(self.paths[0], body) for body in self.bodies]
        )


@dataclass(slots=True)
class Took:
    """Times of one question."""

    question: Question
    seconds: list[float] = field(default_factory=list)
    octets: int = 0
    cpu_s: float = 0.0
    """Of the server, for all of them."""
    memory_mb: float = 0.0
    """By how much the server's memory was at most above what it had before."""

    def row(self) -> dict[str, object]:
        """Return what is shown."""
        p50, p99 = np.percentile(self.seconds, (50, 99)) * 1000
        return {
            "question": self.question.name,
            "requests": len(self.seconds),
            "kB": round(self.octets / 1000, 1),
            "p50_ms": float(p50),
            "p99_ms": float(p99),
            "cpu_ms": 1000 * self.cpu_s / len(self.seconds),
            "memory_mb": round(self.memory_mb),
            "target": self.question.target,
        }


class Asker:
    """A client that waits for each answer before it asks again."""

    def __init__(self, port: int, server: int, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self._headers = headers
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = psutil.Process(server)

    def ask(self, question: Question, requests: int, warm: int = 2) -> Took:
        """Return how long answers took when they had been asked for before."""
        asked, took, before = question.asked, Took(question), self._memory()
        count = max(len(asked), round(requests * question.share))
        used = 0.0
        for number in range(-warm * len(asked), count):
            if number == 0:
                used = self._cpu_s()
            began = time.perf_counter()
            octets = self._answer(*asked[number % len(asked)], question.accept, took, before)
            if number >= 0:
                took.seconds.append(time.perf_counter() - began)
                took.octets = octets
        took.cpu_s = self._cpu_s() - used
        return took

    def _answer(self, path: str, body: str, accept: str, took: Took, before: float) -> int:
        headers = {**self._headers, "Accept": accept}
        self._connection.request("POST" if body else "GET", path, body or None, headers)
        response = self._connection.getresponse()
        octets = looked = 0
        while part := response.read(_READ):
            octets += len(part)
            if octets - looked > 10 * _READ:
                took.memory_mb = max(took.memory_mb, self._memory() - before)
                looked = octets
        if response.status != 200:
            message = f"{path}: {response.status} with {octets} octets"
            raise RuntimeError(message)
        return octets

    def _cpu_s(self) -> float:
        used = self._server.cpu_times()
        return float(used.user + used.system)

    def _memory(self) -> float:
        return float(self._server.memory_info().rss / 1e6)
