"""The screen of `up`: everything that matters fits, however small the terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from gateway.up.live import LivePlant
from gateway.up.parts import Plan, ServicePart
from gateway.up.run import advice
from gateway.up.screen import picture, sparkline
from gateway.up.supervisor import Supervisor
from plant.sample import Scalar
from runtime.settings import Settings
from runtime.settings_file import load_settings

VALUES: dict[str, Scalar] = {
    "T": 350.01, "TIC.SP": 350.0, "TIC.WSP": 350.0, "Tc": 300.12, "Ca": 0.4321, "TIC.Mode": 2,
    "Detector.Anomaly": True, "Detector.Cause": "Caf high",
}  # fmt: skip


class Plant(LivePlant):
    """One whose reactors all show the same."""

    def value(self, reactor: str, name: str) -> Scalar | None:
        return VALUES[name]

    def trend(self, reactor: str) -> list[float]:
        return [float(number) for number in range(40)]


def drawn(settings: Settings, tmp_path: Path, width: int, height: int, why: str = "") -> list[str]:
    parts = tuple(
        ServicePart(name, tmp_path, tmp_path, 1)
        for name in ("postgres", "mqtt", "server", "controller", "historian", "detector")
    )
    plan = Plan(settings, (), parts)
    supervisor = Supervisor(plan, tmp_path)
    for part in supervisor.parts.values():
        part.to("ready")
        part.detail = {"rate": "1234/s"}
        part.last_reason = why
    supervisor.parts["detector"].detail = {"waiting_for": {"model": "training"}, "training": "45%"}
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    lines = ["one", "two", f"three {'x' * 60} --data /tmp/plant"]
    console.print(picture(supervisor, Plant(settings, tmp_path), settings, lines, console.size))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("reactors", [1, 3, 25])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_all_of_it_fits(tmp_path: Path, width: int, height: int, reactors: int) -> None:
    settings = load_settings(overrides={"plant.reactors": reactors}, env={})
    lines = drawn(settings, tmp_path, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for word in ("opc.tcp://127.0.0.1:4840/cstr-gateway", "http://127.0.0.1:8080/", "  one", "  three", "last 5 min",
                 "R101", "350.01", "300.12", "0.4321", "AUTO", "Caf high", "historian", "1234/s",
                 "model: training 45%"):  # fmt: skip
        assert word in text
    assert "…" not in text
    assert ("x \\\n    --data /tmp/plant" in text) == (width == 80)
    rows = sum(line.startswith("R1") for line in lines)
    assert (f"and {reactors - rows} more" in text) == (rows < reactors)


def test_a_long_reason_leaves_the_other_columns(tmp_path: Path) -> None:
    lines = drawn(Settings(), tmp_path, 80, 24, "ended with 3: " + "x" * 200)
    row = next(line for line in lines if line.startswith("historian"))
    assert row.split()[:4] == ["historian", "ready", "0", "s"]
    assert row.endswith("x…")
    assert len(row) <= 80


def test_the_web_address_is_one_that_this_machine_reaches(tmp_path: Path) -> None:
    settings = load_settings(overrides={"server.listen": "0.0.0.0", "server.hosts": ["plc1"]}, env={})
    assert "http://127.0.0.1:8080/" in "\n".join(drawn(settings, tmp_path, 80, 24))
    assert load_settings(overrides={"server.listen": "::1"}, env={}).web == "http://[::1]:8080/"


def test_a_trend_shrinks_to_its_width() -> None:
    values = [float(number) for number in range(40)]
    assert sparkline(values, 8) == "▁▂▃▄▅▆▇█"
    assert len(sparkline(values, 100)) == 40
    assert sparkline([350.0] * 5, 3) == "▅▅▅"


def test_lines_to_paste_are_quoted(tmp_path: Path) -> None:
    (line, *_) = advice(tmp_path / "my plant", Plan(Settings(), (), ()))
    assert line.endswith(f"--data '{tmp_path}/my plant'")
    assert "--data" not in advice(Path("data").absolute(), Plan(Settings(), (), ()))[0]
