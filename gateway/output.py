"""What commands print: a table for a terminal, CSV when piped, JSON when asked; data on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How data is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


FormatOption = Annotated[
    Format | None, typer.Option("--format", help="table (default on a terminal), csv (default when piped) or json.")
]


def chosen(asked: Format | None) -> Format:
    """Return what was asked for, or what suits where it goes."""
    return asked or (Format.TABLE if sys.stdout.isatty() else Format.CSV)


def print_rows(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    asked: Format | None = None,
    table_columns: Sequence[str] | None = None,
    table_widths: Mapping[str, int] | None = None,
) -> None:
    """Print rows; floats round-trip in CSV and JSON, and an absent value is an empty field or null.

    A table shows `table_columns` where all of them would not fit a terminal, and of texts the first `table_widths`.
    """
    printed = chosen(asked)
    if printed is Format.JSON:
        json.dump([{column: row.get(column) for column in columns} for row in rows], sys.stdout, default=str, indent=1)
        print()
    elif printed is Format.CSV:
        from timeseries.answers.text import csv_line

        sys.stdout.write(csv_line(columns))
        for row in rows:
            sys.stdout.write(csv_line(row.get(column) for column in columns))
    else:
        _print_table(rows, table_columns or columns, table_widths or {})


def _print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], widths: Mapping[str, int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As Text: what strangers have said of themselves is no markup.
        table.add_row(*(Text(shown(row.get(column))[: widths.get(column)]) for column in columns))
    Console().print(table)


def shown(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
