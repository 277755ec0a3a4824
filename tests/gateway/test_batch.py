"""`cstr-gateway batch` without a running plant."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import make_app


@pytest.mark.parametrize("words", [(), ("--data", "nowhere"), ("--data", "there")])
def test_the_rows_are_kept_only_in_a_data_directory_that_is_there(
    database_server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("settings.yaml").write_text(f"postgres: {{dsn: '{database_server.component.dsn}'}}\n")
    result = CliRunner().invoke(make_app(), ["batch", "--rows", "50", "--config", "settings.yaml", *words])
    assert result.exit_code == 0, result.output
    assert not Path("data").exists()
    assert not Path("nowhere").exists()
    assert Path("there/detector/latest-batch.csv").exists() == ("there" in words)
