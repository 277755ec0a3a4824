"""An InfluxDB that tells nothing of itself is believed, and that is said once; one that is away is not."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from historian.influx import Influx, State, Unanswered
from historian.lanes import Shipment
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
        self._answer(self.path)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.path.split("?")[0].rpartition("/")[2])

    def _answer(self, question: str) -> None:
        status, body = self.answers[question]
        self.send_response(status)
        kind = "application/json" if body.startswith("{") else "text/csv" if question == "query" else "text/plain"
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode(errors="surrogateescape"))

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
    before = influx.state()
    assert before.started
    Answers.answers["/metrics"] = (200, METRICS)
    assert influx.state() == State(before.started, 1520)


def test_one_that_keeps_its_metrics_to_itself_is_believed_and_that_is_said_once(influx: Influx, caplog) -> None:
    Answers.answers = {"/metrics": (404, "no")}
    assert [influx.state(), influx.state()] == [State("", 0)] * 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "answers 404 to /metrics: what it counts is believed" in caplog.text


def test_one_that_has_another_trouble_is_asked_again(influx: Influx) -> None:
    Answers.answers = {"/metrics": (503, "starting")}
    with pytest.raises(Unanswered, match="503"):
        influx.state()
    Answers.answers = {"/metrics": (200, ""), "/ready": (200, READY)}
    assert influx.state()
    Answers.answers["/metrics"] = (404, "a proxy that has lost its way")
    with pytest.raises(Unanswered, match="404"):
        influx.state()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (500, "500 .* to a write: make room on its disk"),
        (401, "401 .* to a write: the historian's token has to be one"),
    ],
)
def test_one_that_refuses_a_write_is_told_of_with_what_to_do(influx: Influx, status: int, told: str) -> None:
    Answers.answers = {"write": (status, "no")}
    with pytest.raises(Unanswered, match=told):
        influx.write([b"opc seq=1i 1"])


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (
            "failure writing points to database: partial write: dropped 1 points outside retention policy of duration "
            "1h0m0s - oldest point opc,site=main at 2026-11-27T06:14:12Z dropped because it violates a Retention "
            "Policy Lower Bound at 2026-11-28T18:05:06.933108196Z",
            "older than the bucket's retention of 1h0m0s",
        ),
        ("partial write: field type conflict", "422 partial write: field type conflict"),
        (400 * "x", "422 " + 300 * "x"),
    ],
)
def test_lines_that_it_does_not_take_at_all_are_no_trouble_of_its_own(influx: Influx, told: str, why: str) -> None:
    Answers.answers = {"write": (204, "")}
    assert not influx.write([b"opc seq=1i 1", b"opc seq=2i 2"])
    Answers.answers = {"write": (422, json.dumps({"code": "unprocessable entity", "message": told}))}
    assert influx.write([b"opc seq=1i 1"]) == why


@pytest.mark.parametrize(
    "body",
    [
        "<html>log in first</html>",
        '{"status": "ready"}',
        '{"status": "ready", "started": "soon", "up": "1s"}',
        '{"status": "rea',
    ],
)
def test_a_start_that_is_none_is_no_answer(influx: Influx, body: str) -> None:
    Answers.answers = {"/metrics": (200, ""), "/ready": (200, body)}
    with pytest.raises(Unanswered, match=r"no answer that can be read|Failed to parse"):
        influx.state()


@pytest.mark.parametrize("body", ['storage_wal_writes_err{id="1"} NaN', "\udcff\udcfe storage"])
def test_metrics_that_are_none_are_no_answer(influx: Influx, body: str) -> None:
    Answers.answers = {"/metrics": (200, body), "/ready": (200, READY)}
    with pytest.raises(Unanswered, match="no answer that can be read"):
        influx.state()


ASKED = ("R101", Shipment((1, 1), (1, 10), (134_000_000_000_000_000, 134_000_000_000_000_100)))
HEAD = "#datatype,string,long,{}\r\n#group,false,false,false\r\n#default,0,,\r\n,result,table,_value\r\n"


@pytest.mark.parametrize(
    "body",
    [
        "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,deadline exceeded,\r\n",
        HEAD.format("long") + ",,0,\r\n",
        HEAD.format("string") + ",,0,many\r\n",
        HEAD.format("long") + ",7,0,10\r\n",
        "<html>\n<body>log in first</body></html>\n",
    ],
)
def test_a_count_that_is_none_is_no_answer(influx: Influx, body: str) -> None:
    Answers.answers = {"query": (200, HEAD.format("long") + ",0,0,10\r\n")}
    assert influx.counts([ASKED]) == [10]
    Answers.answers = {"query": (200, body)}
    with pytest.raises(Unanswered, match="no answer that can be read"):
        influx.counts([ASKED])


def test_one_that_hangs_is_told_of_in_the_same_words_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("historian.influx.TIMEOUT_MS", 200)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        influx = Influx(InfluxSettings.model_validate({"url": url}), "main")
        with pytest.raises(Unanswered, match=rf"{url}/?: no answer within"):
            influx.state()
        influx.close()


def test_one_that_is_away_is_named() -> None:
    influx = Influx(InfluxSettings.model_validate({"url": "http://127.0.0.1:9"}), "main")
    with pytest.raises(Unanswered, match=r"InfluxDB at http://127\.0\.0\.1:9"):
        influx.state()
