"""Parts as child processes: started again whatever the reason, and told why."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.components.component import ChildSpec, ComponentError
from gateway.up.parts import Plan
from gateway.up.process import spawn
from gateway.up.supervisor import Supervisor
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
