"""The screen of `up`: reactors, services, where to connect, what to type next."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.up.live import LivePlant
from gateway.up.supervisor import Supervised, Supervisor
from plant.sample import Scalar
from plant.signals import MODES
from runtime.settings import Settings

log = logging.getLogger("up")

BARS = "▁▂▃▄▅▆▇█"
REFRESH_S = 0.5
LINE_EVERY_S = 10.0
MOST_REACTORS = 20
_COLOURS = {"ready": "green", "starting": "yellow", "waiting": "yellow", "restarting": "red", "ended": "dim"}


async def show(
    console: Console, supervisor: Supervisor, plant: LivePlant, settings: Settings, lines: Sequence[str]
) -> None:
    """Draw on a terminal, for ever."""
    with Live(console=console, refresh_per_second=4, screen=False, transient=False) as live:
        while True:
            live.update(picture(supervisor, plant, settings, lines))
            await asyncio.sleep(REFRESH_S)


async def tell(plant: LivePlant) -> None:
    """Without a terminal: a line for each reactor now and then, for ever."""
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        for reactor in plant.reactors[:MOST_REACTORS]:
            values = {name: _text(plant.value(reactor, name)) for name in ("T", "TIC.SP", "TIC.WSP", "Tc", "Ca")}
            log.info(
                "%s T %s K, SP %s, WSP %s, Tc %s, Ca %s, %s, %s",
                reactor,
                *values.values(),
                _mode(plant.value(reactor, "TIC.Mode")),
                _verdict(plant, reactor).plain,
            )


def picture(supervisor: Supervisor, plant: LivePlant, settings: Settings, lines: Sequence[str]) -> RenderableType:
    """Return what the screen shows now."""
    where = Text()
    where.append("OPC UA  ", "dim")
    where.append(settings.server.endpoint + "\n", "bold cyan")
    where.append("Web     ", "dim")
    where.append(f"http://127.0.0.1:{settings.historian.http_port}/", "bold cyan")
    advice = Text("\n".join(f"  {line}" for line in lines), "white")
    return Group(
        _reactors(plant),
        Text(),
        _parts(supervisor),
        Text(),
        where,
        Text("Try:", "dim"),
        advice,
        Text("Ctrl-C ends.", "dim"),
    )


def sparkline(values: Sequence[float]) -> str:
    """Return a bar for each value, scaled to their range; a flat line stands in the middle."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = max(high - low, 1.0)
    middle = (high + low) / 2
    scaled = (0.5 + (value - middle) / span for value in values)
    return "".join(BARS[min(len(BARS) - 1, max(0, int(share * len(BARS))))] for share in scaled)


def _reactors(plant: LivePlant) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("", "left"), ("T, K", "right"), ("last 5 min", "left"), ("SP", "right"), ("WSP", "right"),
        ("Tc", "right"), ("Ca", "right"), ("Mode", "left"), ("Detector", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for reactor in plant.reactors[:MOST_REACTORS]:
        values = [_text(plant.value(reactor, name)) for name in ("TIC.SP", "TIC.WSP", "Tc")]
        table.add_row(
            Text(reactor, "bold"),
            Text(_text(plant.value(reactor, "T")), "bold yellow"),
            Text(sparkline(plant.trend(reactor)), "yellow"),
            *values,
            _text(plant.value(reactor, "Ca"), 4),
            _mode(plant.value(reactor, "TIC.Mode")),
            _verdict(plant, reactor),
        )
    if len(plant.reactors) > MOST_REACTORS:
        table.add_row(Text(f"and {len(plant.reactors) - MOST_REACTORS} more", "dim"))
    return table


def _parts(supervisor: Supervisor) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, width in (("", 10), ("state", 10), ("for", 6), ("rate", 8), ("restarts", 8)):
        table.add_column(name, min_width=width, no_wrap=True)
    table.add_column("last error", no_wrap=True, overflow="ellipsis")
    for name, part in supervisor.parts.items():
        table.add_row(
            name,
            Text(part.state, _COLOURS.get(part.state, "white")),
            _age(part),
            str(part.detail.get("rate", "")),
            str(part.restarts or ""),
            Text(part.last_reason, "dim"),
        )
    return table


def _age(part: Supervised) -> str:
    seconds = int(time.time() - part.since)
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _text(value: Scalar | None, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}" if isinstance(value, float) else "-"


def _mode(value: Scalar | None) -> str:
    return MODES[value] if isinstance(value, int) and 0 <= value < len(MODES) else "-"


def _verdict(plant: LivePlant, reactor: str) -> Text:
    anomaly = plant.value(reactor, "Detector.Anomaly")
    if anomaly is None:
        return Text("not ready", "dim")
    return (
        Text(str(plant.value(reactor, "Detector.Cause")) or "anomaly", "bold red")
        if anomaly
        else Text("normal", "green")
    )
