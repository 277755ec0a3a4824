"""Real servers as child processes of a test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.components.component import Component

READY_S = 20.0


class Child:
    """A component's process, which a test may kill and start again."""

    def __init__(self, component: Component, log: Path) -> None:
        self.component = component
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        await self.component.prepare()
        self._spawn()
        await self.component.wait_ready(READY_S)

    def _spawn(self) -> None:
        spec = self.component.spec()
        ids = spec.ids()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                spec.argv,
                cwd=spec.cwd,
                env={**os.environ, **spec.env},
                user=ids[0] if ids else None,
                group=ids[1] if ids else None,
                extra_groups=() if ids else None,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        spec = self.component.spec()
        self.process.send_signal(spec.stop_signal)
        return self.process.wait(spec.stop_timeout_s)


Serving = Callable[[Component], contextlib.AbstractAsyncContextManager[Child]]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """`async with serving(component) as child`: prepared, started, ready; ended whatever happens."""

    @contextlib.asynccontextmanager
    async def run(component: Component) -> AsyncIterator[Child]:
        child = Child(component, tmp_path / f"{component.name}.log")
        try:
            await child.start()
            yield child
        finally:
            if child.process is not None and child.process.poll() is None:
                child.kill()

    return run
