"""The figures beside their targets: on a terminal, as JSON, and as Markdown for docs/performance.md."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from gateway.components.catalogue import NODE_OPCUA

SERVERS = ("asyncua", "node-opcua", "product")
TARGETS = {
    "most values/s sustained, p99 < 1 s": "≥ 1 M",
    "… signed and encrypted": "≥ 1 M, p99 < 80 ms",
    "… all doubles, none written, Bad or with a deadband": "",
    "10,000 tags at 100 ms, CPU ms per 1,000 values": "≤ 0.5",
    "… all doubles": "",
    "sessions x 200 tags at 1 s, p99 < 1 s": "≥ 900",
    "the historian's client, values/s": "≥ 1 M",
    "10,000-tag server, start": "≤ 5 s",
    "read of 100 nodes, calls/s": "≥ 2,000",
    "write of one node, calls/s": "≥ 5,000",
    "memory per monitored item, queue of 10 full": "≤ 1 kB",
    "1,000 reactors: start, memory": "≤ 30 s, ≤ 2 GB",
}
VALUES, ENCRYPTED, DOUBLES, CPU, CPU_DOUBLES, SESSIONS, CLIENT, START, READ, WRITE, ITEM, REACTORS = TARGETS
DETAILS = ("server_cpu", "unexpected", "overflows", "bad", "behind_deadband", "connections_lost", "kept_up")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(slots=True)
class Report:
    """What was found so far."""

    summary: dict[str, dict[str, str]] = field(default_factory=dict)
    """Work -> server -> text."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Work -> rows."""
    failures: list[str] = field(default_factory=list)
    settings: str = ""
    """How many tags, how long."""

    def note(self, work: str, server: str, text: str) -> None:
        """Set a cell of the summary."""
        self.summary.setdefault(work, {})[server] = text

    def add(self, work: str, rows: Sequence[Mapping[str, Any]], **first: Any) -> None:
        """Add rows to a work's table."""
        self.tables.setdefault(work, []).extend({**first, **row} for row in rows)

    def show(self) -> None:
        """Print the tables, without the columns that a terminal has no room for."""
        console = Console()
        for title, header, rows in self._all_tables(leave_out=DETAILS):
            table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
            for column in header:
                table.add_column(column, overflow="fold")
            for row in rows:
                table.add_row(*row)
            console.print(table)
            console.print()

    def write_json(self, path: Path) -> None:
        """Write everything."""
        content = {
            "machine": machine(),
            "settings": self.settings,
            "summary": self.summary,
            "tables": self.tables,
            "failures": self.failures,
        }
        path.write_text(json.dumps(content, indent=1) + "\n")

    def write_markdown(self, path: Path) -> None:
        """Put the tables between the marks of a file."""
        text = path.read_text()
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        facts = ", ".join(f"{name} {value}" for name, value in machine().items())
        parts = [f"Machine: {facts}. {self.settings}", ""]
        for title, header, rows in self._all_tables():
            parts += [f"### {title}", "", _line(header), _line(["---"] * len(header)), *map(_line, rows), ""]
        parts += [f"Not measured: {failure}\n" for failure in self.failures]
        path.write_text(f"{before}{BEGIN}\n\n" + "\n".join(parts).rstrip() + f"\n\n{END}{after}")

    def _all_tables(self, leave_out: Collection[str] = ()) -> list[tuple[str, list[str], list[list[str]]]]:
        header = ["work", "stock asyncua", "node-opcua", "product", "target"]
        summary = [
            [work, *(self.summary[work].get(server, "-") for server in SERVERS), target or "-"]
            for work, target in TARGETS.items()
            if work in self.summary
        ]
        tables = [("Summary", header, summary)]
        for title, rows in self.tables.items():
            columns = list(dict.fromkeys(name for row in rows for name in row if name not in leave_out))
            header = [name.replace("_", " ") for name in columns]
            tables.append((title, header, [[shown(row.get(name)) for name in columns] for row in rows]))
        return tables


def machine() -> dict[str, str]:
    """Say what this was measured on."""
    return {
        "CPU": _cpu_model(),
        "cores": str(os.cpu_count()),
        "RAM GB": f"{psutil.virtual_memory().total / 1e9:.0f}",
        "Linux": platform.release(),
        "Python": platform.python_version(),
        "asyncua": version("asyncua"),
        "node": _node_version(),
        "node-opcua": NODE_OPCUA.version,
        "cstr-gateway": version("cstr-gateway"),
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def shown(value: Any) -> str:
    """Return a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value if value is not None else "")


def short(number: float) -> str:
    """Return a number as a person says it: 58 k, 1.2 M."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if number >= limit:
            return f"{number / limit:.3g}{unit}"
    return f"{number:.3g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _node_version() -> str:
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "none"
