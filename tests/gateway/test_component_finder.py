"""Which binary is taken, and that a build happens once, whole, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.components import catalogue, installer
from gateway.components.catalogue import INFLUXD, MILO, TELEGRAF, how_to_get
from gateway.components.client_libraries import install_milo
from gateway.components.component import ComponentError
from gateway.components.finder import find, locate, required
from runtime.errors import BadInput


def program(path: Path, prints: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No component anywhere: an empty PATH but for the shell's folder, an empty cache, no variables."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("gateway.components.finder.EXTRA_PATH", str(tmp_path / "sbin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for entry in catalogue.CATALOGUE.values():
        monkeypatch.delenv(entry.variable, raising=False)


def test_variable_comes_before_path_and_path_before_the_cache(tmp_path: Path, monkeypatch) -> None:
    assert find("telegraf") is None
    cached = program(tmp_path / "cache/cstr-gateway/telegraf-1.39.0/telegraf", "Telegraf 1.39.0")
    assert (find("telegraf"), locate("telegraf").source) == (cached, "cache")
    on_path = program(tmp_path / "bin/telegraf", "Telegraf 1.40.1 (git: x)")
    assert (locate("telegraf").path, locate("telegraf").version) == (on_path, "1.40.1")
    named = program(tmp_path / "mine", "Telegraf 1.39.2")
    monkeypatch.setenv("CSTR_GATEWAY_TELEGRAF", str(named))
    assert (locate("telegraf").path, locate("telegraf").source) == (named, "environment")


@pytest.mark.parametrize("prints", ["InfluxDB v1.8.10 (git: 1.8)", "influxdb3 3.2.0", ""])
def test_an_influxdb_of_another_generation_on_path_is_passed_over(tmp_path: Path, prints: str) -> None:
    program(tmp_path / "bin/influxd", prints)
    assert find("influxd") is None
    cached = program(tmp_path / "cache/cstr-gateway/influxd-2.7.12/influxd", "InfluxDB v2.7.12 (git: none)")
    assert find("influxd") == cached


def test_a_variable_that_names_something_else_is_bad_input(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CSTR_GATEWAY_INFLUXD", str(tmp_path / "nothing"))
    with pytest.raises(BadInput, match=r"CSTR_GATEWAY_INFLUXD: .*nothing.* InfluxDB 2"):
        find("influxd")
    with pytest.raises(BadInput, match="'influx' is unknown; allowed are telegraf, influxd"):
        find("influx")


def test_what_is_missing_is_named_with_the_ways_to_get_it() -> None:
    with pytest.raises(ComponentError, match="influxd is not here: install go and cargo and gcc") as caught:
        required("influxd")
    assert "CSTR_GATEWAY_INFLUXD" in str(caught.value)
    assert how_to_get(TELEGRAF, missing=lambda tool: False).startswith("`make components` (1-3 min)")


@pytest.fixture
def with_tools(tmp_path: Path) -> None:
    for tool in {*TELEGRAF.tools, *INFLUXD.tools}:
        program(tmp_path / "bin" / tool, tool)


@pytest.mark.usefixtures("with_tools")
def test_two_installs_at_once_build_once(tmp_path: Path, monkeypatch) -> None:
    builds: list[Path] = []

    def recipe(folder: Path, run: object) -> None:
        builds.append(folder)
        assert find("telegraf") is None
        program(folder / "telegraf", "Telegraf 1.39.0")

    monkeypatch.setitem(installer.RECIPES, "telegraf", recipe)
    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(installer.install, TELEGRAF) for _ in range(4)]]
    assert len(builds) == 1
    assert {item.path for item in found} == {find("telegraf")}


@pytest.mark.usefixtures("with_tools")
def test_a_failed_build_tells_its_last_lines_and_leaves_nothing_to_find(tmp_path: Path, monkeypatch) -> None:
    def recipe(folder: Path, run: installer.Run) -> None:
        program(folder / "telegraf", "Telegraf 1.39.0")
        run(["/bin/sh", "-c", "echo no space left; exit 3"], cwd=folder)

    monkeypatch.setitem(installer.RECIPES, "telegraf", recipe)
    with pytest.raises(ComponentError, match=r"ended with 3(.|\n)*telegraf.log(.|\n)*no space left"):
        installer.install(TELEGRAF)
    assert find("telegraf") is None
    assert not (tmp_path / "cache/cstr-gateway/telegraf-1.39.0").exists()


@pytest.mark.usefixtures("with_tools")
def test_a_long_build_shows_elapsed_time_and_where_it_is(monkeypatch, capsys) -> None:
    def recipe(folder: Path, run: installer.Run) -> None:
        gate = folder / "gate"
        monkeypatch.setattr(installer, "say", lambda line: (said.append(line), gate.touch()))
        waiting = f"echo compiling flux; until [ -e {gate} ]; do /bin/sleep 0.02; done"
        run(["/bin/sh", "-c", waiting], cwd=folder)
        program(folder / "telegraf", "Telegraf 1.39.0")

    said: list[str] = []
    monkeypatch.setattr(installer, "REPORT_S", 0.05)
    monkeypatch.setitem(installer.RECIPES, "telegraf", recipe)
    installer.install(TELEGRAF)
    assert "telegraf 1.39.0: 0 s of 1-3 min: compiling flux" in said


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_the_command_ends_with_1_only_where_components_are_required(tmp_path: Path, ci: str, code: int) -> None:
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "gateway.components", "telegraf", "influxd"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "influxd: cannot be had: go, cargo, gcc, pkg-config not on PATH" in done.stderr


def test_the_command_prints_what_it_took(tmp_path: Path) -> None:
    path = program(tmp_path / "bin/telegraf", "Telegraf 1.39.0")
    done = subprocess.run(
        [sys.executable, "-m", "gateway.components", "--find", "telegraf"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"telegraf 1.39.0 (PATH): {path}\n"


def test_a_library_is_known_by_what_its_folder_holds(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "jars"
    folder.mkdir()
    monkeypatch.setenv("CSTR_GATEWAY_MILO", str(folder))
    with pytest.raises(BadInput, match="CSTR_GATEWAY_MILO"):
        find("milo")
    (folder / f"milo-sdk-client-{MILO.version}.jar").touch()
    assert find("milo") == folder


def test_jars_that_are_not_the_ones_tested_are_not_used(tmp_path: Path) -> None:
    def run(argv: list[str], *, cwd: Path, env: object = None) -> None:
        (cwd / "lib").mkdir()
        (cwd / "lib" / f"milo-sdk-client-{MILO.version}.jar").write_bytes(b"another")

    with pytest.raises(ComponentError, match=r"milo 1\.1\.2: the jars' digest is [0-9a-f]{64}, not "):
        install_milo(tmp_path, run)
