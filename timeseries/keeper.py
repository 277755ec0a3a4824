"""The process that keeps a store in order: `python -P -m timeseries.keeper FOLDER AGE BYTES`.

A process, since packing takes long, and in a thread would take turns of the writer. It ends when its standard input
does, whatever ended the writer, and says on standard output, a line of JSON each, what the writer is to tell.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from plant.clock import ticks_from_seconds, ticks_from_unix_ns
from timeseries.retention import Retention
from timeseries.upkeep import Upkeep

LOOK_S, RETRY_S = 1.0, 5.0
BLOCKS, SAMPLES, OLDEST_S = 64, 65_536, 10.0
"""The log is archived when it has so many of one, or is so old: what is asked has to be looked for in all of it."""
TRIM_S, SCRUB_S, SCRUB_AGAIN_S = 60.0, 86_400.0, 3600.0
"""Checksums are looked at more often while something is damaged: it may be put back from a copy."""
DAY, STEP = ticks_from_seconds(86_400.0), ticks_from_seconds(600.0)
MOST_NAMED = 20
"""Of what is damaged."""
MOST_UNSEALED = 2_000_000_000
"""Bytes of chunks: where a day has more, the older half is sealed."""

Say = Callable[..., None]


def keep(folder: Path, retention: Retention, say: Say, is_ending: threading.Event) -> None:
    """Archive, seal, forget and look at checksums until it is to end.

    Says `trouble` when it cannot, and an empty one when it can, first and again; `forgotten` samples; the first of what
    is `damaged`, and how many `parts` that is, when it is something else than before.
    """
    keeper, trouble = None, None
    try:
        while not is_ending.wait(RETRY_S if trouble else LOOK_S):
            try:
                keeper = keeper or _Keeper(folder, retention, is_ending)
                damage = keeper.scrub_when_due()
                if damage is not None:
                    say(damaged=damage[:MOST_NAMED], parts=len(damage))
                forgotten = keeper.do_what_is_due()
            except (sqlite3.Error, OSError) as error:
                if not trouble:
                    trouble = str(error)
                    say(trouble=trouble)
                continue
            if trouble != "":
                trouble = ""
                say(trouble=trouble)
            if forgotten:
                say(forgotten=forgotten)
    except _Ending:
        pass
    finally:
        if keeper is not None:
            keeper.close()


class _Ending(Exception):  # noqa: N818
    """Leaves what takes long, and is begun anew by the next start."""


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have no other: that of a writer that was killed ends a moment later."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{folder}: another process keeps it in order"
            raise OSError(message) from None
        yield
    finally:
        os.close(lock)


class _Keeper:
    def __init__(self, folder: Path, retention: Retention, is_ending: threading.Event) -> None:
        with contextlib.ExitStack() as opened:
            opened.enter_context(_alone(folder))
            self._upkeep = opened.enter_context(contextlib.closing(Upkeep(folder)))
            self._close = opened.pop_all().close
        self._retention = retention
        self._archived = self._trimmed = time.monotonic()
        self._is_ending = is_ending
        self._scrubbed = time.monotonic() - SCRUB_S
        self._left = 0
        """Bytes that are old enough to be sealed and were not: what is damaged stays where it is."""
        self._damaged: list[str] = []
        self._said: list[str] = []

    def close(self) -> None:
        self._close()

    def scrub_when_due(self) -> list[str] | None:
        """Return what is damaged, None where that is nothing new."""
        wait = SCRUB_AGAIN_S if self._damaged else SCRUB_S
        if time.monotonic() - self._scrubbed >= wait:
            self._scrubbed = time.monotonic() - wait + SCRUB_AGAIN_S  # for one that fails: it holds nothing else up
            self._damaged = self._upkeep.damaged(self._between)
            self._scrubbed = time.monotonic()
        found = [*self._damaged, *self._upkeep.lost]
        if found == self._said:
            return None
        self._said = found
        return found

    def do_what_is_due(self) -> int:
        """Return how many samples were forgotten."""
        self._archive()
        if time.monotonic() - self._trimmed < TRIM_S:
            return 0
        self._seal()
        forgotten = self._trim()
        self._trimmed = time.monotonic()
        return forgotten

    def _between(self) -> None:
        """Do between two parts of what takes long what cannot wait."""
        if self._is_ending.is_set():
            raise _Ending
        self._archive()

    def _archive(self) -> None:
        blocks, samples = self._upkeep.waiting()
        now = time.monotonic()
        if blocks >= BLOCKS or samples >= SAMPLES or (blocks and now - self._archived >= OLDEST_S):
            self._upkeep.take_in()
            self._upkeep.checkpoint()
            self._archived = now

    def _present(self) -> int:
        """Return from when on samples age: a time that is ahead of this machine's clock makes none older."""
        return min(self._upkeep.newest_time(), ticks_from_unix_ns(time.time_ns()))

    def _seal(self) -> None:
        """Seal what is older than a day, a day at once."""
        newest = self._present()
        unsealed = self._upkeep.unsealed(newest - 2 * DAY)
        self._left = min(self._left, unsealed.old)
        if unsealed.old > self._left:
            self._upkeep.seal(newest - DAY, self._between)
            self._left = self._upkeep.unsealed(newest - 2 * DAY).old
        elif unsealed.all > MOST_UNSEALED:
            self._upkeep.seal(unsealed.middle, self._between)

    def _trim(self) -> int:
        forgotten = self._upkeep.forget(self._present() - self._retention.age)
        while self._upkeep.size().kept > self._retention.bytes:
            oldest = self._upkeep.oldest()
            if oldest is None:
                break
            forgotten += self._upkeep.forget(oldest + STEP)
        return forgotten


def _say(**what: object) -> None:
    """Tell the writer; one that was killed hears nothing, and the end of standard input comes next."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{json.dumps(what)}\n".encode())


def main() -> None:
    """Keep a store until standard input ends."""
    is_ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the writer is told, too, and ends this

    def wait() -> None:
        sys.stdin.read()
        is_ending.set()

    threading.Thread(target=wait, daemon=True).start()
    folder, age, size = sys.argv[1:]
    keep(Path(folder), Retention(int(age), int(size)), _say, is_ending)


if __name__ == "__main__":
    main()
