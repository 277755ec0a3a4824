"""The HTTP API and the page; questions share a few read-only connections."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import psycopg2
import psycopg2.extras
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse

from historian.history_api import make_router
from historian.parameters import refuse_others
from historian.readers import Readers
from historian.reference_page import reference_page
from plant.clock import text_from_ticks
from runtime.database_role import READER, take_role
from runtime.settings import Settings
from timeseries.unpacked import Unpacked

PAGE = Path(__file__).parent / "page" / "index.html"


def make_app(store: Path, settings: Settings) -> FastAPI:
    """Return the application over one store."""
    app = FastAPI(
        title="cstr-gateway history",
        version="1",
        description="History of the simulated plant. Times are plant time, UTC, with seven digits of a second.",
        dependencies=[Depends(refuse_others)],
        docs_url=None,
        redoc_url=None,
    )

    readers = Readers(store, Unpacked())
    app.include_router(make_router(store, readers))

    @app.get("/api/v1/signals")
    def signals() -> list[dict[str, Any]]:
        """List every signal of the history."""
        with readers.lend() as reader:
            return [{"signal": info.name, "unit": info.unit, "stepped": info.stepped} for info in reader.signals()]

    @app.get("/api/v1/anomalies")
    def anomalies(limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> list[dict[str, Any]]:
        """The newest anomalies."""
        return _rows(settings, "SELECT * FROM cstr.anomaly ORDER BY started_at DESC LIMIT %s", limit)

    @app.get("/api/v1/summaries")
    def summaries(limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> list[dict[str, Any]]:
        """The newest summaries."""
        return _rows(settings, "SELECT * FROM cstr.summary ORDER BY window_start DESC LIMIT %s", limit)

    @app.get("/api/v1/plant", include_in_schema=False)
    def plant() -> dict[str, Any]:
        """Say what the page shows beside the trend."""
        with readers.lend() as reader:
            newest = reader.newest_time()
        return {
            "endpoint": settings.server.endpoint,
            "reactors": settings.reactors,
            "now": text_from_ticks(newest) if newest else None,
        }

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    def reference() -> str:
        """Return the paths and their parameters."""
        return reference_page(app.openapi())

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        """Return the live page."""
        return PAGE.read_text(encoding="utf-8")

    return app


def _rows(settings: Settings, query: str, limit: int) -> list[dict[str, Any]]:
    if settings.postgres.dsn is None:
        raise HTTPException(503, "no PostgreSQL: set postgres.dsn, or run `cstr-gateway up`")
    try:
        connection = psycopg2.connect(settings.postgres.dsn.get_secret_value(), connect_timeout=3)
        with contextlib.closing(connection):
            take_role(connection, READER)
            with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
                cursor.execute(query, (limit,))
                return [dict(row) for row in cursor.fetchall()]
    except psycopg2.errors.UndefinedTable:
        return []
    except psycopg2.Error as error:
        raise HTTPException(503, f"PostgreSQL: {str(error).strip().splitlines()[0]}") from None
