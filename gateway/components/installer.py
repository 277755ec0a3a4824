"""Runs a recipe once for all callers: under a lock, into a temporary folder, renamed whole into the cache."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.components.catalogue import Entry
from gateway.components.component import ComponentError
from gateway.components.finder import Found, cache_dir, in_cache
from gateway.components.recipes import RECIPES

REPORT_S = 15.0
TAIL_LINES = 15


def install(entry: Entry) -> Found:
    """Build or install the component into the cache, or wait for the one who is just doing so.

    Raises ComponentError, naming the log, when it cannot be done here.
    """
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f".{entry.name}.lock", entry.name):
        if (found := in_cache(entry)) is not None:
            return found
        if missing := [tool for tool in entry.tools if shutil.which(tool) is None]:
            message = f"{', '.join(missing)} not on PATH"
            raise ComponentError(message)
        building = cache / f".{entry.name}.building"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        log = cache / f"{entry.name}.log"
        log.write_text("")
        RECIPES[entry.name](building, _Runner(entry, log))
        folder = entry.folder(cache)
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        found = in_cache(entry)
    if found is None:
        message = f"what was built in {folder} does not run; see {log}"
        raise ComponentError(message)
    return found


@contextlib.contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Hold the lock that lasts as long as this process at most."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another run is getting it; waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Runner:
    """Runs a recipe's commands, output to a log, with a line of progress every quarter of a minute."""

    def __init__(self, entry: Entry, log: Path) -> None:
        self._label = f"{entry.name} {entry.version}"
        self._takes = entry.takes
        self._log = log
        self._shown = ""
        self._started = time.monotonic()

    def __call__(self, argv: list[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        with self._log.open("ab") as log:
            log.write(f"$ {' '.join(argv)}\n".encode())
            log.flush()
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            while True:
                try:
                    code = process.wait(REPORT_S)
                    break
                except subprocess.TimeoutExpired:
                    self._progress(argv[0])
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait()
        if code != 0:
            tail = "\n".join(self._lines()[-TAIL_LINES:])
            message = f"`{' '.join(argv[:3])} ...` ended with {code}; all of it is in {self._log}\n{tail}"
            raise ComponentError(message)

    def _progress(self, program: str) -> None:
        elapsed = time.monotonic() - self._started
        last = self._lines()[-1]
        # Compilers are silent: a line shown before tells nothing of now.
        shown = f"{program} is at work" if last == self._shown or last.startswith("$ ") else last[:60]
        self._shown = last
        say(f"{self._label}: {elapsed:.0f} s of {self._takes}: {shown}")

    def _lines(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines()


def say(line: str) -> None:
    """Show a line of progress at once, on stderr."""
    print(line, file=sys.stderr, flush=True)
