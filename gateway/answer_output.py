"""Where the rows of a query go: a table, CSV or JSON on standard output, or a file by its suffix."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer

from gateway.output import Format, shown
from runtime.errors import BadInput, CouldNotRun, GatewayError
from timeseries.answers import FORMATS, Answer, Extra, Writer
from timeseries.answers.times import listed
from timeseries.answers.writers import COLUMNS, FILES, names_of

OutOption = Annotated[
    Path | None,
    typer.Option("--out", help=f"Write the rows to a file instead: FILE{', FILE'.join(f'.{each}' for each in FILES)}."),
]


class AnswerOutput:
    """Takes answers as they come; a file is there whole or not at all, and not when there were no rows.

    Raises:
        BadInput: for a file of another kind.
    """

    def __init__(self, out: Path | None, chosen: Format | None, extra: Extra) -> None:
        self.rows = 0
        self._out = out
        self._temporary: Path | None = None
        if out is None:
            kind = chosen or (Format.TABLE if sys.stdout.isatty() else Format.CSV)
            self._writer: Writer = _Table(extra) if kind is Format.TABLE else FORMATS[kind.value](extra)
            self._file = sys.stdout.buffer
            return
        suffix = out.suffix.removeprefix(".").lower()
        if suffix not in FILES:
            message = f"--out {out}: allowed are {', '.join(f'.{each}' for each in FILES)}"
            raise BadInput(message)
        if chosen is not None:
            message = f"--format {chosen.value}: is for what is printed; --out says by its suffix what it is written as"
            raise BadInput(message)
        self._writer = FORMATS[suffix](extra)

    @property
    def is_on_terminal(self) -> bool:
        """True when rows are seen as they come."""
        return self._out is None and sys.stdout.isatty()

    def put(self, answer: Answer) -> None:
        """Write rows."""
        if not len(answer):
            return
        with self._told():
            if not self.rows:
                self._open()
                self._file.write(self._writer.begin())
            self._file.write(self._writer.rows(answer))
        self.rows += len(answer)

    def end(self) -> None:
        """Write what comes last.

        Raises:
            GatewayError: when there were no rows.
        """
        if self.rows or self._out is None:
            with self._told():
                self._file.write(self._writer.end() if self.rows else self._writer.begin() + self._writer.end())
                self._file.flush()
        if not self.rows:
            message = "nothing found; is --start early enough?"
            raise GatewayError(message)
        if self._out is not None and self._temporary is not None:
            with self._told():
                self._file.close()
                self._temporary.replace(self._out)
            self._temporary = None
            print(f"{self.rows:,} rows in {self._out}", file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._temporary is not None:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say where it is that something cannot be written."""
        where = "standard output" if self._out is None else f"--out {self._out}"
        try:
            yield
        except ValueError as error:
            raise BadInput(f"{where}: {error}") from None
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CouldNotRun(f"{where}: {error.strerror}") from None

    def _open(self) -> None:
        if self._out is not None:
            temporary = self._out.with_name(f".{self._out.name}.{os.getpid()}.tmp")
            self._file = temporary.open("wb")
            self._temporary = temporary


class _Table:
    """Columns of fixed width: however many rows come, none waits for the last one."""

    def __init__(self, extra: Extra) -> None:
        self._names = (*COLUMNS, *extra)
        self._extra = tuple(shown(value) for value in extra.values())
        self._widths: tuple[int, ...] = ()

    def begin(self) -> bytes:
        """Return nothing: how wide the names are is not known yet."""
        return b""

    def rows(self, answer: Answer) -> bytes:
        """Return a line for each row."""
        head = ""
        if not self._widths:
            self._widths = (max(len(answer.signal), 16), 28, 12, 12, *map(len, self._names[4:]))
            head = (
                f"\x1b[1m{self._line(self._names)}\x1b[0m\n" if sys.stdout.isatty() else f"{self._line(self._names)}\n"
            )
        values = [shown(value) for value in answer.plain]
        rows = zip(listed(answer.times), values, names_of(answer.statuses), strict=True)
        return (head + "".join(f"{self._line((answer.signal, *row, *self._extra))}\n" for row in rows)).encode()

    def end(self) -> bytes:
        """Return nothing."""
        return b""

    def _line(self, fields: tuple[str, ...]) -> str:
        return "  ".join(field.ljust(width) for field, width in zip(fields, self._widths, strict=True)).rstrip()
