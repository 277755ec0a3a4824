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

from gateway.up.live import TREND_POINTS, LivePlant
from gateway.up.parts import waited_for
from gateway.up.supervisor import Supervised, Supervisor
from plant.sample import Scalar
from plant.signals import MODES
from runtime.settings import Settings

log = logging.getLogger("up")

BARS = "▁▂▃▄▅▆▇█"
REFRESH_S = 0.5
LINE_EVERY_S = 10.0
LINES = 20
REACTOR_COLUMNS = (
    ("", 6), ("T, K", 6), ("last 5 min", 0), ("SP", 6), ("WSP", 6), ("Tc", 6), ("Ca", 6), ("Mode", 4), ("Detector", 9),
)  # fmt: skip
"""Name and width; 0: what is left."""
PART_COLUMNS = (("", 10), ("state", 10), ("for", 6), ("rate", 7), ("restarts", 8), ("why", 0))
GAP = 2
WIDEST = sum(width for _, width in REACTOR_COLUMNS) + GAP * (len(REACTOR_COLUMNS) - 1) + TREND_POINTS
"""Of the reactors: a trend has no more points."""
_COLOURS = {"ready": "green", "starting": "yellow", "waiting": "yellow", "restarting": "red", "ended": "dim"}


async def show(
    console: Console, supervisor: Supervisor, plant: LivePlant, settings: Settings, lines: Sequence[str]
) -> None:
    """Draw on a terminal, for ever."""
    with Live(console=console, refresh_per_second=4, screen=False, transient=False) as live:
        while True:
            live.update(picture(supervisor, plant, settings, lines, console.size))
            await asyncio.sleep(REFRESH_S)


async def tell(supervisor: Supervisor, plant: LivePlant) -> None:
    """Without a terminal: a line for each part that is not ready, and for each reactor, now and then, for ever."""
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        for name, part in supervisor.parts.items():
            state, why = how(part)
            if state != "ready":
                log.info("%s is %s%s", name, state, f": {why}" if why else "")
        for reactor in plant.reactors[:LINES]:
            if plant.value(reactor, "T") is None:
                continue
            values = {name: _text(plant.value(reactor, name)) for name in ("T", "TIC.SP", "TIC.WSP", "Tc", "Ca")}
            log.info(
                "%s T %s K, SP %s, WSP %s, Tc %s, Ca %s, %s, %s",
                reactor,
                *values.values(),
                _mode(plant.value(reactor, "TIC.Mode")),
                _verdict(plant, reactor).plain,
            )


def picture(
    supervisor: Supervisor, plant: LivePlant, settings: Settings, lines: Sequence[str], size: tuple[int, int]
) -> RenderableType:
    """Return what the screen of this width and height shows now: all of it but the reactors that have no room."""
    width, height = size
    texts = [
        Text.assemble(("OPC UA  ", "dim"), (settings.server.endpoint, "bold cyan")),
        Text.assemble(("Web     ", "dim"), (settings.web, "bold cyan")),
        Text("Try:", "dim"),
        *(Text(part, "white") for line in lines for part in _to_paste(line, width)),
        Text("Ctrl-C ends.", "dim"),
    ]
    for text in texts:
        text.overflow = "fold"
    heads_and_gaps = 4
    room = height - heads_and_gaps - len(supervisor.parts) - sum(-(-text.cell_len // width) for text in texts)
    count = len(settings.reactors) if plant.reactors else 0
    shown = plant.reactors[: count if count <= room else max(1, room - 1)]
    more = [Text(f"and {count - len(shown)} more", "dim")] if len(shown) < count else []
    reactors: list[Table | Text] = [_reactors(plant, shown, width), *more, Text()] if shown else []
    return Group(*reactors, _parts(supervisor, width), Text(), *texts)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return at most `width` bars, scaled to the values' range; a flat line stands in the middle."""
    if not values:
        return ""
    low, high = min(values), max(values)
    span = max(high - low, 1.0)
    middle = (high + low) / 2
    count = min(width, len(values))
    picked = (values[(number + 1) * len(values) // count - 1] for number in range(count))
    scaled = (0.5 + (value - middle) / span for value in picked)
    return "".join(BARS[min(len(BARS) - 1, max(0, int(share * len(BARS))))] for share in scaled)


def how(part: Supervised) -> tuple[str, str]:
    """Return a part's state, and why: what it waits for, or what went wrong last."""
    waits = waited_for(part.detail)
    state = "waiting" if part.state == "ready" and waits else part.state
    return state, waits if waits and state in ("starting", "waiting") else part.last_reason


def _table(columns: Sequence[tuple[str, int]], width: int) -> tuple[Table, int]:
    """Return a table of this width, and the width of the column that takes what is left."""
    left = max(1, width - sum(wide for _, wide in columns) - GAP * (len(columns) - 1))
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for name, wide in columns:
        justify = "right" if name in ("T, K", "SP", "WSP", "Tc", "Ca") else "left"
        table.add_column(name, justify=justify, width=wide or left, no_wrap=True, overflow="crop")  # type: ignore[arg-type]
    return table, left


def _reactors(plant: LivePlant, shown: Sequence[str], width: int) -> Table:
    table, left = _table(REACTOR_COLUMNS, min(width, WIDEST))
    for reactor in shown:
        values = [_text(plant.value(reactor, name)) for name in ("TIC.SP", "TIC.WSP", "Tc")]
        table.add_row(
            Text(reactor, "bold"),
            Text(_text(plant.value(reactor, "T")), "bold yellow"),
            Text(sparkline(plant.trend(reactor), left), "yellow"),
            *values,
            _text(plant.value(reactor, "Ca"), 4),
            _mode(plant.value(reactor, "TIC.Mode")),
            _verdict(plant, reactor),
        )
    return table


def _parts(supervisor: Supervisor, width: int) -> Table:
    table, left = _table(PART_COLUMNS, width)
    for name, part in supervisor.parts.items():
        state, why = how(part)
        table.add_row(
            name,
            Text(state, _COLOURS.get(state, "white")),
            _age(part),
            str(part.detail.get("rate", "")),
            str(part.restarts or ""),
            Text(_cut(why, left), "dim"),
        )
    return table


def _to_paste(line: str, width: int) -> list[str]:
    """Return a command as it is shown; one too long for the screen goes on after a backslash."""
    command, option, data = line.partition(" --data ")
    if len(line) + 2 <= width or not option:
        return [f"  {line}"]
    return [f"  {command} \\", f"    --data {data}"]


def _cut(text: str, width: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


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
