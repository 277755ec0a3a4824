"""Our server as its users start it: `cstr-gateway server`, nothing set but ports, reactors and scan."""

from __future__ import annotations

import json
import math
import re
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from asyncua import ua

from benchmarks.opcua.servers.process import Server, TagSet
from benchmarks.opcua.session import Session
from plant.names import loop_name, reactor_names
from runtime.ports import free_port

CHANGING = (
    *("T", "TB", "Ca", "Cb", "TcActual", "Tf", "Caf", "q", "X", "r", "Qc", "TIC.PV"),
    *(f"Simulation.True.{name}" for name in ("T", "Ca", "Cb", "Tf", "Caf", "q", "k0")),
)
"""What changes in every scan while nobody holds the loop: but for rounding, which repeats a value now and then."""
REPEATS = 0.015
"""Share of values that are the same as before, and so no change."""
METRIC = re.compile(r'^cstr_values_produced_total\{signal="([^"]+)"\} (\S+)$', re.MULTILINE)
WRITTEN = (("SP", ua.VariantType.Double), ("Kc", ua.VariantType.Double))
FAULT, FAILS_S = "sensor-failure", 1.0
FAILS = "Ca"
"""The transmitter that fails: no loop is left without its measurement."""


def reactors_for(tags: int) -> int:
    """Return how many reactors change so many tags every scan."""
    return math.ceil(tags / (len(CHANGING) * (1.0 - REPEATS)))


class Product(Server):
    """Plant, history and all; tags are in the order of the reactors."""

    name = "product"
    source_time_stops = True
    counts_writes = True

    def __init__(self, tags: int = 10_000, period_s: float = 0.1, *, reactors: int | None = None) -> None:
        super().__init__(period_s)
        self.health_port = free_port()
        self.reactors = reactor_names(reactors_for(tags) if reactors is None else reactors)
        self._mixed = max(1, tags // 300)
        self._control: Session | None = None

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/cstr-gateway"

    @property
    def tags(self) -> TagSet:
        changing = [
            f"ns=2;s={each}.{name.replace('TIC', loop_name(each))}" for each in self.reactors for name in CHANGING
        ]
        # Loops first, then the detector's verdicts: Booleans that are Bad until somebody writes them.
        loops = [
            (f"ns=2;s={each}.{loop_name(each)}.{leaf}", kind)
            for each in self.reactors[: self._mixed // 4 + 1]
            for leaf, kind in WRITTEN
        ]
        verdicts = [
            (f"ns=2;s={each}.Detector.Anomaly", ua.VariantType.Boolean)
            for each in self.reactors[: self._mixed // 2 + 1]
        ]
        failing = [f"ns=2;s={each}.{FAILS}" for each in self.reactors[: self._mixed]]
        return TagSet(changing, loops + verdicts, failing)

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        settings = {
            "PLANT__REACTORS": len(self.reactors),
            "SERVER__PORT": self.port,
            "SERVER__HEALTH_PORT": self.health_port,
            "SERVER__SCAN_S": self.period_s,
            "SERVER__LIMITS__SESSIONS": 2_000,
            "SERVER__LIMITS__CONNECTIONS": 2_000,
        }
        program = str(Path(sys.executable).with_name("cstr-gateway"))
        environment = {f"CSTR_GATEWAY__{name}": str(value) for name, value in settings.items()}
        return [program, "server", "--data", str(self.folder / "data")], environment

    def pause(self) -> None:
        self._call("Pause")

    def resume(self, tags: int, failing: int) -> None:
        del tags
        self._call("Resume")
        for node in self.tags.failing[:failing]:
            reactor = node.removeprefix("ns=2;s=").partition(".")[0]
            parameters = json.dumps({"signal": FAILS, "for_s": FAILS_S})
            self._session.method(
                f"ns=2;s={reactor}.Simulation", f"ns=2;s={reactor}.Simulation.Inject", FAULT, parameters
            )

    def produced(self, tags: Sequence[str]) -> list[int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=60) as answer:
            counts = {name: float(value) for name, value in METRIC.findall(answer.read().decode())}
        return [int(counts.get(tag.removeprefix("ns=2;s="), 0)) for tag in tags]

    def __exit__(self, *error: object) -> None:
        if self._control is not None:
            self._control.close()
        super().__exit__(*error)

    @property
    def _session(self) -> Session:
        if self._control is None:
            self._control = Session(self.endpoint)
        return self._control

    def _call(self, method: str) -> None:
        self._session.method("ns=2;s=Plant.Simulation", f"ns=2;s=Plant.Simulation.{method}")
