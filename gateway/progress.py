"""How far a command is, on standard error, once it takes longer than a second."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

FIRST_S, TERMINAL_S, LINES_S = 1.0, 0.2, 5.0


@dataclass(slots=True)
class Progress:
    """What the command sets, and how it is shown: one line that changes on a terminal, else a line now and then."""

    what: str = ""
    share: float | None = None
    """Of the work, where it is known."""
    rows: int = 0
    is_quiet: bool = False
    """True while rows on the same terminal tell enough."""
    _began: float = field(default_factory=time.monotonic)

    @contextlib.asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show it while the body runs."""
        task = asyncio.create_task(self._show(), name="progress")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _show(self) -> None:
        await asyncio.sleep(FIRST_S)
        is_terminal = sys.stderr.isatty()
        try:
            while True:
                if not self.is_quiet:
                    line = self._line()
                    print(
                        f"\r\x1b[2K{line}" if is_terminal else line,
                        end="" if is_terminal else "\n",
                        file=sys.stderr,
                        flush=True,
                    )
                await asyncio.sleep(TERMINAL_S if is_terminal else LINES_S)
        finally:
            if is_terminal and not self.is_quiet:
                print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def _line(self) -> str:
        parts = [self.what, f"{time.monotonic() - self._began:.0f} s"]
        if self.rows:
            parts.append(f"{self.rows:,} rows")
        if self.share is not None:
            parts.append(f"{100 * min(self.share, 1.0):.0f} %")
        return ", ".join(part for part in parts if part)
