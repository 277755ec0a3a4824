"""A line of CSV (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def csv_line(fields: Iterable[object]) -> str:
    """Return fields as a line, with its end: before Python 3.13 a line break is quoted only where it may end one."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)
    return line.getvalue()[:-2] + "\n"
