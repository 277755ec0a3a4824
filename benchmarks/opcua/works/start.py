"""From the start of a server's process until a client reads a good value, and the memory it then has."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.opcua.servers.process import NotReady, Server


@dataclass(frozen=True, slots=True)
class Start:
    """`seconds` is None where the server did not serve within `limit_s`."""

    seconds: float | None
    limit_s: float
    rss_mb: float

    @property
    def text(self) -> str:
        """Return the time, for a table."""
        return f"{self.seconds:.1f} s" if self.seconds is not None else f"> {self.limit_s:g} s"


def start(server: Server, limit_s: float) -> Start:
    """Start it, measure, and end it."""
    with server:
        try:
            seconds = server.wait(limit_s)
        except NotReady:
            if server.process.poll() is not None:
                raise
            return Start(None, limit_s, server.rss() / 1e6)
        return Start(seconds, limit_s, server.rss() / 1e6)
