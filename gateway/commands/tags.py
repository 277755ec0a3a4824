"""`cstr-gateway tags`: every node, for import into other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.output import FormatOption, print_rows
from plant.names import PLANT, browse_path, node_id_text, reactor_names
from plant.signals import PLANT_SIGNALS, Signal, Writer, reactor_signals
from runtime.settings_file import load_settings

COLUMNS = ("node_id", "browse_path", "data_type", "unit", "eu_low", "eu_high", "access", "description")
_TYPE_NAMES = {"DATETIME": "DateTime", "UINT32": "UInt32", "INT32": "Int32"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tags")(tags)


def tags(
    reactors: Annotated[int | None, typer.Option(min=1, help="How many; by default those of the settings.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    format: FormatOption = None,  # noqa: A002
) -> None:
    """List every node: NodeId, browse path, type, unit, range, access, description.

    Example: cstr-gateway tags --format csv > tags.csv
    """
    count = load_settings(config, {"plant.reactors": reactors}).plant.reactors
    rows = [_row(f"{PLANT}.{signal.name}", signal) for signal in PLANT_SIGNALS]
    for reactor in reactor_names(count):
        rows += [_row(f"{reactor}.{signal.name}", signal) for signal in reactor_signals(reactor)]
    print_rows(rows, COLUMNS, format)


def _row(name: str, signal: Signal) -> dict[str, object]:
    low, high = signal.eu_range or (None, None)
    type_name = signal.data_type.name
    return {
        "node_id": node_id_text(name),
        "browse_path": browse_path(name),
        "data_type": _TYPE_NAMES.get(type_name, type_name.capitalize()),
        "unit": signal.unit.symbol if signal.unit is not None else "",
        "eu_low": low,
        "eu_high": high,
        "access": "read" if signal.writer is Writer.NOBODY else f"read, write: {signal.writer.value}",
        "description": signal.description + (f" ({signal.isa_tag})" if signal.isa_tag else ""),
    }
