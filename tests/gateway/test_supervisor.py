"""Parts as child processes: started again whatever the reason, and told why."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.components.component import ChildSpec, ComponentError
from gateway.up.parts import Plan, ServicePart
from gateway.up.process import spawn
from gateway.up.supervisor import Supervisor
from runtime.errors import BadInput
from runtime.settings import Settings


@dataclass
class Part:
    """A process that sleeps; its preparations fail with the given errors first."""

    folder: Path
    failures: list[OSError] = field(default_factory=list)
    program: str = "import time; time.sleep(60)"
    name: str = "part"

    async def prepare(self) -> None:
        if self.failures:
            raise self.failures.pop()

    def spec(self) -> ChildSpec:
        return ChildSpec(self.name, (sys.executable, "-c", self.program), self.folder)

    async def wait_ready(self, timeout_s: float) -> None:
        return


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(ComponentError, match=r"cannot be started: .*log"):
        spawn(Part(tmp_path).spec(), tmp_path / "log" / "part.log")


async def test_a_full_disk_at_a_start_is_no_end_of_the_plant(tmp_path: Path) -> None:
    part = Part(tmp_path, [OSError(28, "No space left on device")])
    supervisor = Supervisor(Plan(Settings(), (part,), ()), tmp_path)
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait_for(supervisor.all_ready(), 20)
    assert "No space left on device" in supervisor.parts["part"].last_reason
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert supervisor.parts["part"].state == "ended"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print('2026-11-24 21:00:00,123 server ERROR the port is taken'); raise SystemExit(3)", "the port is taken"),
        ("print('FATAL:  no room'); raise SystemExit(1)", "ended with 1: FATAL:  no room"),
        ("import os; print('serving', flush=True); os.kill(os.getpid(), 9)", "killed by SIGKILL"),
    ],
)
async def test_the_reason_of_an_end_is_what_was_said_last(tmp_path: Path, program: str, reason: str) -> None:
    child = spawn(Part(tmp_path, program=program).spec(), tmp_path / "part.log")
    await child.wait()
    assert child.end_reason().endswith(reason)
    assert "server ERROR" not in child.end_reason()


class Service(ServicePart):
    """Is the program of its data directory; ready at once where there is a file `ready`."""

    def spec(self) -> ChildSpec:
        return ChildSpec(self.name, (sys.executable, "program.py"), self.data)

    async def wait_ready(self, timeout_s: float) -> None:
        await asyncio.sleep(0.0 if (self.data / "ready").exists() else timeout_s)

    async def is_alive(self) -> bool:
        return True


def service(folder: Path, program: str) -> Service:
    (folder / "program.py").write_text(program)
    return Service("part", folder, folder, 0)


FICKLE = """
# Works for a moment at first, refuses its settings then, and works from the third start on.
import pathlib, time
starts = pathlib.Path("starts")
starts.write_text((starts.read_text() if starts.exists() else "") + "x")
count = len(starts.read_text())
time.sleep(1 if count == 1 else 0 if count == 2 else 60)
raise SystemExit(2)
"""


async def test_a_service_that_has_worked_is_started_again_whatever_it_says_of_its_settings(tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    part = service(tmp_path, FICKLE)
    supervisor = Supervisor(Plan(Settings(), (), (part,)), tmp_path)
    running = asyncio.create_task(supervisor.run())
    async with asyncio.timeout(30):
        while not (tmp_path / "starts").exists() or len((tmp_path / "starts").read_text()) < 3:
            assert not running.done()
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_one_that_refuses_its_settings_at_its_first_start_ends_all(tmp_path: Path) -> None:
    part = service(tmp_path, "raise SystemExit(2)")
    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(Supervisor(Plan(Settings(), (), (part,)), tmp_path).run(), 20)
    (refused,) = raised.value.exceptions
    assert isinstance(refused, BadInput)
    assert "the part refuses its settings" in str(refused)
