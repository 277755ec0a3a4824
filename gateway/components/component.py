"""What a supervisor needs to know of a real server it runs as a child process."""

from __future__ import annotations

import asyncio
import pwd
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runtime.errors import CouldNotRun


class ComponentError(CouldNotRun):
    """A real server could not be found, prepared or brought to readiness."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process to run.

    `env` is added to the parent's environment. `cwd` must be entered before the user is switched, since
    `user` may not be able to reach it by path. `user` is None when the parent's own user is kept.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    refusal: str = ""
    """What it logs each time that it cannot store something below `cwd`, where only a restart ends that."""
    refusals: Callable[[], int | None] | None = None
    """Tells how often it could not, as far as it does not log that; None where it does not answer. May take seconds."""

    def ids(self) -> tuple[int, int] | None:
        """The (uid, gid) to switch to, without supplementary groups, or None to stay."""
        if self.user is None:
            return None
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid


class Component(Protocol):
    """A server in three steps, the same after each death: `prepare`, start `spec`, `wait_ready`."""

    @property
    def name(self) -> str:
        """The key in run.json and in the logs."""
        ...

    async def prepare(self) -> None:
        """Make directories, secrets and databases that are missing, clear what a killed run left; idempotent.

        Raises ComponentError.
        """
        ...

    def spec(self) -> ChildSpec:
        """The process to start; valid once `prepare` has returned."""
        ...

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when the running process serves its clients, first-time set-up included.

        Does not watch the process: race it against the process's end. Raises ComponentError in the end.
        """
        ...


async def poll_ready(what: str, probe: Callable[[], Awaitable[str | None]], timeout_s: float) -> None:
    """Call `probe` until it returns None; its last text tells in the ComponentError why it was not."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    pause_s = 0.02
    while (reason := await probe()) is not None:
        if loop.time() + pause_s > deadline:
            raise ComponentError(f"{what} is not ready after {timeout_s:g} s: {reason}")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.25)
