"""`cstr-gateway status`: how a running plant fares, a line a part."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.output import Format, FormatOption, chosen, print_rows
from runtime.errors import GatewayError
from runtime.running import RunningPlant, find_running, is_alive

TABLE_COLUMNS = ("part", "state", "since", "rate", "lag_s", "outbox", "gaps", "drops", "pid")
"""What has room in 80 columns; errors stand below."""
TABLE_WIDTHS = {"since": len("2026-11-28T02:22")}
COLUMNS = ("part", "state", "since", "rate", "lag_s", "outbox", "gaps", "drops", "last_error", "pid")
UNFIT = ("type", "time")
"""Why samples are rejected that were measured, and are none of those that are there or are not wanted."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    data: Annotated[Path, typer.Option(help="Data directory of the running plant.")] = Path("data"),
    format: FormatOption = None,  # noqa: A002
) -> None:
    """Print a line for each service and component, and what is wrong; ends with 1 when one is not ready.

    Example: cstr-gateway status
    """
    plant = find_running(data)
    rows = [_service(name, entry) for name, entry in plant.services.items()] + _components(plant)
    print_rows(rows, COLUMNS, format, TABLE_COLUMNS, TABLE_WIDTHS)
    if chosen(format) is Format.TABLE:
        for row in rows:
            if error := row.get("last_error"):
                print(f"{row['part']}: {error}")
    unhealthy = [str(row["part"]) for row in rows if row["state"] != "ready"]
    if unhealthy:
        message = f"not ready: {', '.join(unhealthy)}"
        raise GatewayError(message)


def _service(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    import json

    from gateway.up.parts import get

    port = int(str(entry["health"]).rsplit(":", 1)[1])
    _, body = get(port, "/readyz")
    try:
        facts = json.loads(body)
    except ValueError:
        return {"part": name, "state": "does not answer", "pid": entry["pid"], "last_error": body}
    waiting = ", ".join(facts["waiting_for"])
    return {
        "part": name,
        "state": "ready" if facts["ready"] else f"waits for {waiting}" if waiting else "hangs",
        "since": f"{datetime.fromtimestamp(facts['since'], UTC):%Y-%m-%dT%H:%M:%SZ}",
        "rate": facts.get("rate"),
        "lag_s": facts.get("lag_s"),
        "outbox": facts.get("outbox"),
        "gaps": facts.get("gaps"),
        "drops": _drops(port),
        "last_error": facts["last_error"] or None,
        "pid": entry["pid"],
    }


def _drops(port: int) -> int:
    """Return how much was dropped, for whatever reason, samples that cannot be stored included."""
    from gateway.up.parts import counters

    return int(
        sum(
            value
            for name, labels, value in counters(port)
            if name.endswith("_dropped_total") or labels.get("reason") in UNFIT
        )
    )


def _components(plant: RunningPlant) -> list[dict[str, Any]]:
    return [
        {
            "part": name,
            "state": "ready" if is_alive(entry["pid"], entry["started"]) else "ended",
            "since": f"{datetime.fromtimestamp(entry['started'], UTC):%Y-%m-%dT%H:%M:%SZ}",
            "pid": entry["pid"],
        }
        for name, entry in plant.components.items()
    ]
