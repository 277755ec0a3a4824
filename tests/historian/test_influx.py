"""An InfluxDB that tells nothing of itself is believed, and that is said once; one that is away is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from historian.influx import Influx, Unanswered
from runtime.influx_refusals import refusals
from runtime.settings import InfluxSettings

METRICS = """\
# TYPE storage_wal_writes counter
storage_wal_writes{bucket="a",id="1"} 25
# TYPE storage_wal_writes_err counter
storage_wal_writes_err{bucket="a b",id="1"} 20
storage_wal_writes_err{bucket="a",id="2"} 1.5e+03
"""
READY = '{"status": "ready", "started": "2026-11-29T00:45:45.743547597Z", "up": "1h2m3.5s"}'


class Answers(BaseHTTPRequestHandler):
    """What a server answers."""

    answers: ClassVar[dict[str, tuple[int, str]]] = {}

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        self.send_response(status)
        kind = "application/json" if body.startswith("{") else "text/plain"
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def influx() -> Iterator[Influx]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    influx = Influx(InfluxSettings.model_validate({"url": f"http://127.0.0.1:{server.server_port}"}), "main")
    try:
        yield influx
    finally:
        influx.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_refusals_are_summed_over_all_shards() -> None:
    assert refusals(METRICS) == 1520
    assert refusals("") == 0


def test_it_is_the_same_while_it_says_the_same_start(influx: Influx) -> None:
    Answers.answers = {"/metrics": (200, 'storage_wal_writes_err{id="1"} 0\n'), "/ready": (200, READY)}
    assert influx.started() == influx.started() != ""
    Answers.answers["/metrics"] = (200, METRICS)
    with pytest.raises(Unanswered, match="could not write 1520 times since it was started"):
        influx.started()


def test_one_that_keeps_its_metrics_to_itself_is_believed_and_that_is_said_once(influx: Influx, caplog) -> None:
    Answers.answers = {"/metrics": (404, "no")}
    assert [influx.started(), influx.started()] == ["", ""]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "answers 404 to /metrics: what it counts is believed" in caplog.text


def test_one_that_has_another_trouble_is_asked_again(influx: Influx) -> None:
    Answers.answers = {"/metrics": (503, "starting")}
    with pytest.raises(Unanswered, match="503"):
        influx.started()
    Answers.answers = {"/metrics": (200, ""), "/ready": (200, READY)}
    assert influx.started()
    Answers.answers["/metrics"] = (404, "a proxy that has lost its way")
    with pytest.raises(Unanswered, match="404"):
        influx.started()


def test_one_that_is_away_is_named() -> None:
    influx = Influx(InfluxSettings.model_validate({"url": "http://127.0.0.1:9"}), "main")
    with pytest.raises(Unanswered, match=r"InfluxDB at http://127\.0\.0\.1:9"):
        influx.started()
