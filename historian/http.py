"""The HTTP server, within the historian's own loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI


class _Http(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the service."""
        yield


async def serve_http(app: FastAPI, listen: str, port: int) -> None:
    """Answer until cancelled."""
    config = uvicorn.Config(
        app,
        host=listen,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    server = _Http(config)
    try:
        await server.serve()
    except asyncio.CancelledError:
        server.should_exit = True
        raise
