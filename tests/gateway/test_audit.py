"""`cstr-gateway audit`: the trail of a data directory, all its files, the newest last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import make_app
from gateway.commands.audit import COLUMNS
from runtime.rotating_lines import AUDIT, COMMANDS

COMMAND = str(Path(sys.executable).parent / "cstr-gateway")


def line(minutes_ago: float, message: str, **facts: object) -> str:
    time = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    known = {"time": f"{time:%Y-%m-%dT%H:%M:%S.%f}0Z", "event": "AuditWriteUpdateEventType", "message": message}
    return json.dumps(known | facts) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / AUDIT
    path.parent.mkdir()
    path.with_name("audit.jsonl.10").write_text(line(300, "oldest"))
    path.with_name("audit.jsonl.2").write_text(line(90, "older"))
    path.with_name("audit.jsonl.1").write_text(line(50, "old", user="anna", status="Good") + "{half a li\n[1]\n")
    path.write_text(line(1, "new", OldValue=1.5, NewValue=2.5, session="i=7"))
    return tmp_path


def audit(data: Path, *words: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(make_app(), ["audit", "--data", str(data), *words])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def messages(text: str) -> list[str]:
    return [facts["message"] for facts in json.loads(text)]


def test_the_last_hour_the_newest_last(data: Path) -> None:
    out, errors = audit(data, "--format", "json")
    assert messages(out) == ["old", "new"]
    assert json.loads(out)[1]["old"] == 1.5
    assert json.loads(out)[1]["new"] == 2.5
    assert json.loads(out)[1]["session"] == "i=7"
    assert json.loads(out)[0]["user"] == "anna"
    assert errors.count("is damaged and is left out") == 2
    assert "audit.jsonl.1: line 2" in errors


def test_mqtt_commands_stand_among_the_others_by_time(data: Path) -> None:
    commands = data / COMMANDS
    commands.write_text(line(40, "command", entry=7, status="BadOutOfRange", NewValue=1000) + line(0.5, "newest"))
    rows = json.loads(audit(data, "--format", "json")[0])
    assert [row["message"] for row in rows] == ["old", "command", "new", "newest"]
    assert (rows[1]["entry"], rows[1]["status"], rows[1]["new"]) == (7, "BadOutOfRange", 1000)
    (data / AUDIT).unlink()
    assert "newest" in messages(audit(data, "--format", "json")[0])


@pytest.mark.parametrize(
    ("since", "expected"),
    [("-2h", ["older", "old", "new"]), ("-10h", ["oldest", "older", "old", "new"]), ("now", [])],
)
def test_since(data: Path, since: str, expected: list[str]) -> None:
    assert messages(audit(data, "--format", "json", "--since", since)[0]) == expected


def test_csv_and_table(data: Path) -> None:
    header, first, _ = audit(data, "--format", "csv")[0].splitlines()
    assert header == ",".join(COLUMNS)
    assert ",Good,anna," in first
    assert "anna" in audit(data, "--format", "table")[0]


def test_a_table_shows_what_strangers_say_as_they_say_it_and_each_code(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = "Session for [/red] [link=x]"
    (data / AUDIT).write_text(
        line(1, said, status="BadTimeout", user="System/Session", peer="192.0.2.1") + line(1, "no: BadX", status="BadX")
    )
    table = audit(data, "--format", "table")[0]
    assert "Session for [/red] [link=x] [BadTimeout]" in table
    assert "System/" not in table
    assert table.rstrip().endswith("no: BadX")


def test_what_cannot_be_is_said(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(make_app(), ["audit", "--data", str(data), "--since", "yesterday"])
    assert "--since: time 'yesterday'" in str(result.exception)
    missing = CliRunner().invoke(make_app(), ["audit", "--data", str(tmp_path / "nothing")])
    assert "there is no audit trail" in str(missing.exception)


@pytest.mark.parametrize("shown", ["csv", "json", "table"])
def test_what_is_no_text_hides_nothing(data: Path, shown: str) -> None:
    with (data / AUDIT).open("a") as trail:
        trail.write(line(0.9, "half a pair: \ud800") + line(0.8, "behind it"))
    argv = [COMMAND, "audit", "--data", str(data), "--format", shown]
    done = subprocess.run(argv, capture_output=True, check=True, env=os.environ | {"COLUMNS": "200"})
    assert b"half a pair: \\ud800" in done.stdout
    assert b"behind it" in done.stdout
