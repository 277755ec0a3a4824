"""The real servers and clients that do not come as wheels: names, versions, needs, ways to get them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One component: how it is recognised, and what building or installing it needs.

    `launcher` is what `find` returns, relative to the component's folder in the cache. `accepts` is matched
    against what the program prints as its version; a library prints none, and is known by what its folder `holds`.
    """

    name: str
    version: str
    launcher: str
    variable: str
    version_args: tuple[str, ...]
    accepts: re.Pattern[str] | None
    tools: tuple[str, ...]
    takes: str
    otherwise: str
    holds: str = ""

    def folder(self, cache: Path) -> Path:
        """Where the component stands in the cache; a new version is a new folder."""
        return cache / f"{self.name}-{self.version}"


TELEGRAF = Entry(
    name="telegraf",
    version="1.39.0",
    launcher="telegraf",
    variable="CSTR_GATEWAY_TELEGRAF",
    version_args=("version",),
    accepts=re.compile(r"Telegraf (1\.\S+)"),
    tools=("go",),
    takes="1-3 min",
    otherwise="InfluxData's own package of Telegraf 1.39 or later, or the compose stack",
)
INFLUXD = Entry(
    name="influxd",
    version="2.7.12",
    launcher="influxd",
    variable="CSTR_GATEWAY_INFLUXD",
    version_args=("version",),
    accepts=re.compile(r"InfluxDB v?(2\.\S+)"),
    tools=("go", "cargo", "gcc", "pkg-config"),
    takes="4-8 min",
    otherwise="InfluxData's own package of InfluxDB 2 (not 1 or 3), or the compose stack",
)
MOSQUITTO = Entry(
    name="mosquitto",
    version="debian",
    launcher="mosquitto",
    variable="CSTR_GATEWAY_MOSQUITTO",
    version_args=("-h",),
    accepts=re.compile(r"mosquitto version (2\.\S+)"),
    tools=("apt-get", "dpkg-deb"),
    takes="10 s",
    otherwise="your system's package `mosquitto`, or the compose stack",
)
NODE_OPCUA = Entry(
    name="node-opcua",
    version="2.175.2",
    launcher="node_modules",
    variable="CSTR_GATEWAY_NODE_OPCUA",
    version_args=(),
    accepts=None,
    tools=("node", "npm"),
    takes="1 min",
    otherwise="`npm install node-opcua-client node-opcua-server-discovery` in a folder; the variable: its node_modules",
    holds="node-opcua-server-discovery",
)
MILO = Entry(
    name="milo",
    version="1.1.2",
    launcher="lib",
    variable="CSTR_GATEWAY_MILO",
    version_args=(),
    accepts=None,
    tools=("java", "javac", "mvn"),
    takes="1 min",
    otherwise="`mvn dependency:copy-dependencies` of org.eclipse.milo:milo-sdk-client; the variable names its folder",
    holds="milo-sdk-client-1.1.2.jar",
)
GOPCUA = Entry(
    name="gopcua",
    version="0.8.0",
    launcher="module",
    variable="CSTR_GATEWAY_GOPCUA",
    version_args=(),
    accepts=None,
    tools=("go",),
    takes="1 min",
    otherwise="`go mod vendor` in a module that requires github.com/gopcua/opcua; the variable names its folder",
    holds="vendor/github.com/gopcua/opcua",
)
CATALOGUE = {entry.name: entry for entry in (TELEGRAF, INFLUXD, MOSQUITTO, NODE_OPCUA, MILO, GOPCUA)}


def installed_version(entry: Entry, path: Path) -> str | None:
    """The version the program at `path` reports, or None when it is not one that will do."""
    if entry.accepts is None:
        return entry.version if (path / entry.holds).exists() else None
    try:
        shown = subprocess.run([path, *entry.version_args], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = entry.accepts.search(shown.stdout + shown.stderr)
    return match.group(1) if match else None


def how_to_get(entry: Entry, missing: Callable[[str], bool]) -> str:
    """What a person can do to have the component; `missing` tells whether a tool is not on PATH."""
    lacking = [tool for tool in entry.tools if missing(tool)]
    first = f"install {' and '.join(lacking)}, then `make components`" if lacking else "`make components`"
    return f"{first} ({entry.takes}); or {entry.otherwise}; or set {entry.variable}=PATH to one you have"
