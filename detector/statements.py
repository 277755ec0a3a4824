"""What is written to PostgreSQL; every statement may be repeated without harm."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from detector.summary import Summary

Statement = tuple[str, tuple[Any, ...]]
"""SQL with %s, and its values."""

_SUMMARY_COLUMNS = [field.name for field in dataclasses.fields(Summary)]
_SUMMARY_KEY = ("source", "reactor", "window_start")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A row of `cstr.anomaly`: an episode, under way while `ended_at` is None."""

    reactor: str
    started_at: datetime
    ended_at: datetime | None
    peak_score: float
    method: str
    cause: str
    details: Mapping[str, object]


def put_summary(summary: Summary) -> Statement:
    """Insert a summary, or replace that of the same source, reactor and window."""
    columns = ", ".join(_SUMMARY_COLUMNS)
    marks = ", ".join(["%s"] * len(_SUMMARY_COLUMNS))
    renewed = ", ".join(f"{name} = EXCLUDED.{name}" for name in _SUMMARY_COLUMNS if name not in _SUMMARY_KEY)
    sql = (
        f"INSERT INTO cstr.summary ({columns}) VALUES ({marks}) "  # noqa: S608 - names of fields, no values
        f"ON CONFLICT ({', '.join(_SUMMARY_KEY)}) DO UPDATE SET {renewed}"
    )
    return sql, tuple(getattr(summary, name) for name in _SUMMARY_COLUMNS)


def put_anomaly(anomaly: Anomaly) -> Statement:
    """Insert an episode, or bring the row of the same start up to date."""
    sql = (
        "INSERT INTO cstr.anomaly (reactor, started_at, ended_at, peak_score, method, cause, details) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (reactor, started_at, method) DO UPDATE SET "
        "ended_at = EXCLUDED.ended_at, peak_score = greatest(cstr.anomaly.peak_score, EXCLUDED.peak_score)"
    )
    values = (
        anomaly.reactor,
        anomaly.started_at,
        anomaly.ended_at,
        anomaly.peak_score,
        anomaly.method,
        anomaly.cause,
        json.dumps(anomaly.details),
    )
    return sql, values


def end_forgotten(reactor: str, method: str, now: datetime) -> Statement:
    """End episodes that a detector began and no longer knows of; its rows are the fields of an `Anomaly`."""
    sql = (
        "UPDATE cstr.anomaly SET ended_at = greatest(%s, started_at) "
        "WHERE reactor = %s AND method = %s AND ended_at IS NULL "
        "RETURNING reactor, started_at, ended_at, peak_score, method, cause, details"
    )
    return sql, (now, reactor, method)
