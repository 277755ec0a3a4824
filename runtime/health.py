"""`/healthz`, `/readyz` and `/metrics`, answered from a thread so that a busy loop is seen, not hidden."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from runtime.errors import CouldNotRun

STALLED_AFTER_S = 5.0
NOT_YET = "not yet"


@dataclass(slots=True)
class Health:
    """What a service says of itself; parts it waits for are named."""

    service: str
    started_at: float = field(default_factory=time.time)
    detail: dict[str, object] = field(default_factory=dict)
    """Small facts for the screen and `status`: rate, lag, drops, state."""
    _waiting: dict[str, str] = field(default_factory=dict)
    _troubles: dict[str, str] = field(default_factory=dict)
    """Part -> what is wrong with it, the newest last."""
    _seen: set[str] = field(default_factory=set)
    _ready_since: float | None = None
    _beat: float = field(default_factory=time.monotonic)

    def wait_for(self, part: str, why: str = NOT_YET) -> None:
        """Name a part without which the service is not ready."""
        self._waiting[part] = why
        self._ready_since = None

    def lost(self, part: str, why: str) -> None:
        """Say that a part went away; while it has never been there yet, that is no error."""
        if part in self._seen:
            self.trouble(part, why)
        self.wait_for(part, why)

    def trouble(self, part: str, what: str) -> None:
        """Say what is wrong with a part, waited for or not; "" when it is no more."""
        self._troubles.pop(part, None)
        if what:
            self._troubles[part] = what

    def ready(self, part: str) -> None:
        """Say that a part is there now."""
        self._seen.add(part)
        self._waiting.pop(part, None)
        self._troubles.pop(part, None)
        if not self._waiting and self._ready_since is None:
            self._ready_since = time.time()

    def beat(self) -> None:
        """Say that the event loop turns; `run_service` calls it every second."""
        self._beat = time.monotonic()

    @property
    def last_error(self) -> str:
        """What is wrong, the newest last; empty when nothing is any more."""
        return "; ".join(self._troubles.values())

    @property
    def is_ready(self) -> bool:
        """True when nothing is waited for."""
        return not self._waiting and self.is_alive

    @property
    def is_alive(self) -> bool:
        """True while the event loop turns."""
        return time.monotonic() - self._beat < STALLED_AFTER_S

    def as_json(self) -> dict[str, object]:
        """Return what `/readyz` answers."""
        return {
            "service": self.service,
            "ready": self.is_ready,
            "alive": self.is_alive,
            "since": self._ready_since or self.started_at,
            "waiting_for": dict(self._waiting),
            "last_error": self.last_error,
            **self.detail,
        }


class HealthServer:
    """The HTTP side of a `Health` and a metrics registry, on loopback or where told."""

    def __init__(self, health: Health, registry: CollectorRegistry, host: str, port: int) -> None:
        handler = _handler(health, registry)
        try:
            self._server = _Server((host, port), handler)
        except OSError as error:
            message = (
                f"{health.service}: health port {port} on {host}: {error.strerror}; "
                f"set {health.service}.health_port, or use --ports auto"
            )
            raise CouldNotRun(message) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def _handler(health: Health, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif path in ("/healthz", "/readyz"):
                fine = health.is_alive if path == "/healthz" else health.is_ready
                body = json.dumps(health.as_json(), default=str).encode()
                self._answer(200 if fine else 503, body, "application/json")
            else:
                self._answer(404, b"try /healthz, /readyz or /metrics\n", "text/plain")

        def _answer(self, code: int, body: bytes, content_type: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep the log for the service's own words."""

    return Handler
