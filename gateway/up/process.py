"""One child process: its own session, its output in a file, and never outliving us."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from gateway.components.component import ChildSpec, ComponentError

PR_SET_PDEATHSIG = 1
LOG_LIMIT = 10_000_000
_TAIL = 4000
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ \w+ [A-Z]+ ")
"""As runtime.service has it: time, service, level."""


class Child:
    """A running child; made by `spawn`."""

    def __init__(self, spec: ChildSpec, process: subprocess.Popen[bytes], log: Path) -> None:
        self.spec = spec
        self.pid = process.pid
        self.started = _create_time(process.pid)
        self._process = process
        self.log = log

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    async def wait(self) -> int:
        """Return the exit code when it has ended."""
        return await _wait(self._process)

    async def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.returncode is not None:
            return
        self._process.send_signal(self.spec.stop_signal)
        try:
            async with asyncio.timeout(self.spec.stop_timeout_s):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """End it at once."""
        if self.returncode is None:
            self._process.kill()

    def end_reason(self) -> str:
        """Return how it ended: with its last line, unless it was killed and could not say why."""
        code = self.returncode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        last = self.last_line()
        return f"ended with {code}: {last}" if last else f"ended with {code}"

    def last_line(self) -> str:
        """Return the last line it wrote, without what our services log before each."""
        lines = _tail(self.log).strip().splitlines()
        return _LOG_PREFIX.sub("", lines[-1].strip()) if lines else ""


def spawn(spec: ChildSpec, log: Path) -> Child:
    """Start a child whose output goes to `log`, of which the end of a long one is kept.

    Raises:
        ComponentError: naming what could not be started.
    """
    ids = spec.ids()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".1.log"))
        with log.open("ab") as output:
            process = subprocess.Popen(
                spec.argv,
                cwd=spec.cwd,
                env=_environment(spec.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(ids, os.getpid()),
            )
    except OSError as error:
        raise ComponentError(f"cannot be started: {error.filename or spec.argv[0]}: {error.strerror}") from None
    return Child(spec, process, log)


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **added}


def _die_with_parent(ids: tuple[int, int] | None, parent: int) -> Callable[[], None] | None:
    """Return what the child does before it becomes the program: switch the user, then ask for a signal.

    In this order, since the kernel forgets the request when the user changes.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if ids is not None:
            os.setgroups([])
            os.setgid(ids[1])
            os.setuid(ids[0])
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


async def _wait(process: subprocess.Popen[bytes]) -> int:
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return await asyncio.to_thread(process.wait)
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set_once, ended)
    try:
        while process.poll() is None:
            await ended
        return process.returncode
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _set_once(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _create_time(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
