"""`cstr-gateway audit`: who did what to a plant, from its audit trail."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.output import FormatOption, print_rows
from runtime.errors import BadInput, GatewayError

COLUMNS = ("time", "event", "source", "status", "user", "session", "peer", "entry", "node", "old", "new", "message")
TABLE_COLUMNS = ("time", "peer", "who", "what")
TABLE_WIDTHS = {"time": len("2026-11-28T02:22:01")}
_OF_SERVER = "System/"
"""Begins the ClientUserId of what is done without a user (OPC 10000-5 v1.05 §6.4.4)."""
_NAMES = {"old": "OldValue", "new": "NewValue"}
"""Columns that have another name in the trail."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(
    since: Annotated[str, typer.Option(help="ISO 8601 or relative to now, e.g. -1h.")] = "-1h",
    data: Annotated[Path, typer.Option(help="Data directory of the plant, running or not.")] = Path("data"),
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print what clients did, the newest last: sessions, logins, writes, Methods, MQTT commands, what was refused.

    Example: cstr-gateway audit --since -1h
    """
    from plant.clock import text_from_ticks, ticks_from_datetime, ticks_from_time
    from runtime.rotating_lines import AUDIT, COMMANDS, files_of

    try:
        start = text_from_ticks(ticks_from_time(since, ticks_from_datetime(datetime.now(UTC))))
    except ValueError as error:
        raise BadInput(f"--since: {error}") from None
    trails = [files_of(data / trail) for trail in (AUDIT, COMMANDS)]
    if not any(trails):
        message = f"{data / AUDIT}: there is no audit trail; give the data directory of a plant that has run by --data"
        raise GatewayError(message)
    records = heapq.merge(*map(_read, trails), key=itemgetter("time"))
    rows = (_row(facts) for facts in records if facts["time"] >= start)
    print_rows(rows, COLUMNS, format, TABLE_COLUMNS, TABLE_WIDTHS)


def _read(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield the records; a line that is none is told and passed over."""
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                facts = _record(line)
                if facts is None:
                    print(f"{file}: line {number} is damaged and is left out", file=sys.stderr)
                else:
                    yield facts


def _record(line: bytes) -> dict[str, Any] | None:
    import json

    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and isinstance(facts.get("time"), str) else None


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    """Return all columns, and two that say the same in less room."""
    row = {column: facts.get(_NAMES.get(column, column)) for column in COLUMNS}
    user, status, message = (str(row[column] or "") for column in ("user", "status", "message"))
    row["who"] = "" if user.startswith(_OF_SERVER) else user
    row["what"] = message if status in ("", "Good") or status in message else f"{message} [{status}]"
    return row
