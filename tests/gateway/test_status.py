"""`cstr-gateway status` where people look: a line a part in 80 columns, and what is wrong below."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from gateway.cli import make_app
from gateway.commands import status

ERROR = "MQTT broker 127.0.0.1:1883: Connection refused; gaps stay open: R101.T, R101.Ca: BadUserAccessDenied"


def test_a_table_has_a_line_a_part_and_errors_below(monkeypatch: pytest.MonkeyPatch) -> None:
    service = {"pid": 123456, "health": "http://127.0.0.1:9101"}
    services = dict.fromkeys(("server", "controller", "historian", "detector"), service)
    component = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    plant = SimpleNamespace(services=services, components={"influxdb": component})

    def row(name: str, entry: dict[str, Any]) -> dict[str, Any]:
        facts = {
            "since": "2026-11-29T21:57:10Z",
            "rate": 1234.5,
            "lag_s": 0.123,
            "outbox": 100_000,
            "drops": 0,
            **entry,
        }
        return {"part": name, "state": "ready", **facts, "last_error": ERROR if name == "historian" else None}

    monkeypatch.setattr(status, "find_running", lambda data: plant)
    monkeypatch.setattr(status, "_service", row)
    result = CliRunner().invoke(make_app(), ["status", "--format", "table"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    heading, *lines = result.stdout.splitlines()
    assert heading.split()[:3] == ["part", "state", "since"]
    assert [line.split()[0] for line in lines[:5]] == ["server", "controller", "historian", "detector", "influxdb"]
    assert "2026-11-29T21:57 " in lines[0]
    assert lines[5:] == [f"historian: {ERROR}"]
