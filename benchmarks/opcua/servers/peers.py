"""The servers ours is measured beside; each is told what to do by lines on its standard input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from asyncua import ua

from benchmarks.opcua.servers.process import NotReady, Server, TagSet, line_of
from gateway.components.catalogue import NODE_OPCUA
from gateway.components.finder import cache_dir

FOLDER = 200
"""Tags of a folder."""
HERE = Path(__file__).parent


class Peer(Server):
    """A server that we wrote with somebody's library, as its users would: AnalogItems `Dn`, and `Wn` to be written."""

    def __init__(self, tags: int = 10_000, period_s: float = 0.1, *, folder: int = FOLDER) -> None:
        super().__init__(period_s)
        self._count = tags
        self._folder = folder
        self._mixed = max(1, tags // 300)

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/benchmark"

    @property
    def tags(self) -> TagSet:
        changing = [f"ns=2;s=D{index}" for index in range(self._count)]
        written = [(f"ns=2;s=W{index}", ua.VariantType.Double) for index in range(self._mixed)]
        return TagSet(changing, written, changing[: self._mixed], deadband=0.0025)

    def arguments(self) -> list[str]:
        """Return port, tags, tags to be written, tags of a folder, period in seconds."""
        numbers = (self.port, self._count, self._mixed, self._folder, self.period_s)
        return [str(number) for number in numbers]

    def pause(self) -> None:
        self._tell("pause")

    def resume(self, tags: int, failing: int) -> None:
        self._tell(f"resume {tags} {failing}")

    def produced(self, tags: Sequence[str]) -> list[int]:
        counts = json.loads(self._tell("counts"))
        return [counts[int(tag.removeprefix("ns=2;s=D"))] if ";s=D" in tag else 0 for tag in tags]

    def _tell(self, words: str) -> str:
        streams = self.process.stdin, self.process.stdout
        if streams[0] is None:
            message = "its standard input is closed"
            raise NotReady(message)
        streams[0].write(words + "\n")
        streams[0].flush()
        return line_of(streams[1])


class StockAsyncua(Peer):
    """The library ours is built on, unmodified."""

    name = "asyncua"

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        return [sys.executable, "-P", str(HERE / "stock_asyncua.py"), *self.arguments()], {}


class NodeOpcua(Peer):
    """node-opcua, of the version that our tests use as a client."""

    name = "node-opcua"

    def command(self) -> tuple[list[str], Mapping[str, str]]:
        modules = node_modules()
        return ["node", str(HERE / "node_opcua.js"), *self.arguments()], {
            "NODE_PATH": str(modules),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }


def node_modules() -> Path:
    """Return the folder of node-opcua's server half, fetched by npm when it is not there.

    Raises:
        NotReady: when it cannot be had.
    """
    folder = cache_dir() / f"node-opcua-server-{NODE_OPCUA.version}"
    if not (folder / "node_modules" / "node-opcua-server").is_dir():
        if shutil.which("npm") is None or shutil.which("node") is None:
            message = "node-opcua needs node and npm on PATH"
            raise NotReady(message)
        print("Fetching node-opcua's server half: 10 s to 1 min, once.", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        package = f"node-opcua-server@{NODE_OPCUA.version}"
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotReady(f"npm cannot fetch {package}: {done.stderr[-400:]}")
    return folder / "node_modules"
