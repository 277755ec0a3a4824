"""Readers of the store, lent to one question at a time; what a question cannot be answered for in HTTP's terms."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fastapi import HTTPException

from timeseries.packing import Damaged
from timeseries.reader import Reader, UnknownSignal
from timeseries.unpacked import Unpacked


class Readers:
    """As many as are asked at once; what one has unpacked the others need not."""

    def __init__(self, store: Path, unpacked: Unpacked) -> None:
        self._store = store
        self._unpacked = unpacked
        self._idle: queue.SimpleQueue[Reader] = queue.SimpleQueue()

    @contextlib.contextmanager
    def lend(self) -> Iterator[Reader]:
        """Lend a reader.

        Raises:
            HTTPException: for what a question cannot be answered.
        """
        reader = None
        try:
            with contextlib.suppress(queue.Empty):
                reader = self._idle.get_nowait()
            if reader is None:
                reader = Reader(self._store, self._unpacked)
            yield reader
        except UnknownSignal as error:
            raise HTTPException(404, str(error)) from None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        except Damaged as error:
            raise HTTPException(500, str(error)) from None
        except sqlite3.Error as error:
            raise HTTPException(503, f"the store cannot be read: {error}") from None
        finally:
            if reader is not None:
                self._idle.put(reader)
