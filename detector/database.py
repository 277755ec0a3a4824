"""PostgreSQL from a service: one connection, used from its own thread, made again whenever it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import psycopg2
from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg2.extensions import connection as PgConnection  # noqa: N812 - a class, in lower case

from detector.migrations import migrate, migrations
from detector.statements import Statement
from runtime.database_role import WRITER, take_role
from runtime.errors import LinkLost
from runtime.reconnect import OnState, keep

log = logging.getLogger("detector")

R = TypeVar("R")
OnRows = Callable[[list[tuple[Any, ...]]], None]

MOST_WAITING = 10_000
PROBE_EVERY_S = 1.0
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 10_000


class Database:
    """Statements wait in a bounded queue until the database has committed them."""

    def __init__(self, dsn: str, registry: CollectorRegistry) -> None:
        self._dsn = dsn
        self._worker = ThreadPoolExecutor(1, "database")
        self._waiting: deque[tuple[Statement, OnRows]] = deque()
        self._questions: deque[tuple[Statement, asyncio.Future[list[tuple[Any, ...]]]]] = deque()
        self._more = asyncio.Event()
        self._dropped = Counter("cstr_statements_dropped", "Statements dropped.", ["reason"], registry=registry)
        self._length = Gauge("cstr_statements_waiting", "Statements waiting.", registry=registry)

    def submit(self, *statements: Statement, then: OnRows = lambda _: None) -> None:
        """Have statements executed, in order, and `then` called with the rows of each.

        The oldest is dropped, and counted, when too many wait.
        """
        for statement in statements:
            if len(self._waiting) >= MOST_WAITING:
                self._waiting.popleft()
                self._dropped.labels("full").inc()
            self._waiting.append((statement, then))
        self._length.set(len(self._waiting))
        self._more.set()

    async def run(self, on_state: OnState) -> None:
        """Execute what is submitted, for ever."""
        try:
            await keep("PostgreSQL", self._connected, self._work, on_state)
        finally:
            self._worker.shutdown()

    async def has_summary(self, source: str, reactor: str, window_start: datetime) -> bool:
        """Tell whether a summary is recorded; waits for the database as long as it takes."""
        sql = "SELECT 1 FROM cstr.summary WHERE source = %s AND reactor = %s AND window_start = %s"
        return bool(await self._ask((sql, (source, reactor, window_start))))

    async def flush(self, timeout_s: float) -> None:
        """Wait until all that was submitted is committed, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ask(("SELECT 1", ()))

    async def _ask(self, question: Statement) -> list[tuple[Any, ...]]:
        answer: asyncio.Future[list[tuple[Any, ...]]] = asyncio.get_running_loop().create_future()
        self._questions.append((question, answer))
        self._more.set()
        return await answer

    async def _work(self, connection: PgConnection) -> None:
        while True:
            self._more.clear()
            while self._waiting:
                head = statement, then = self._waiting[0]
                rows = await self._execute(connection, statement)
                # The head may have been dropped meanwhile, when the queue was full.
                if self._waiting and self._waiting[0] is head:
                    self._waiting.popleft()
                then(rows)
                self._length.set(len(self._waiting))
            while self._questions:
                question, answer = self._questions[0]
                rows = await self._execute(connection, question)
                self._questions.popleft()
                if not answer.done():
                    answer.set_result(rows)
            try:
                async with asyncio.timeout(PROBE_EVERY_S):
                    await self._more.wait()
            except TimeoutError:
                await self._execute(connection, ("SELECT 1", ()))

    async def _execute(self, connection: PgConnection, statement: Statement) -> list[tuple[Any, ...]]:
        try:
            return await self._in_thread(lambda: execute(connection, statement))
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise LinkLost(f"PostgreSQL: {_first_line(error)}") from error
        except psycopg2.Error as error:
            log.error("PostgreSQL refuses a statement, which is dropped: %s", _first_line(error))
            self._dropped.labels("refused").inc()
            return []

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[PgConnection]:
        try:
            connection = await self._in_thread(lambda: connect(self._dsn))
        except psycopg2.Error as error:
            raise LinkLost(f"PostgreSQL: {_first_line(error)}") from error
        try:
            yield connection
        finally:
            with contextlib.suppress(psycopg2.Error):
                connection.close()

    async def _in_thread(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._worker, function)


def connect(dsn: str) -> PgConnection:
    """Connect, bring the schema up to date, and go on with no more rights than writing rows needs."""
    connection = psycopg2.connect(
        dsn,
        connect_timeout=CONNECT_TIMEOUT_S,
        application_name="cstr-gateway",
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
    )
    migrate(connection, migrations())
    take_role(connection, WRITER)
    return connection


def execute(connection: PgConnection, statement: Statement) -> list[tuple[Any, ...]]:
    """Execute and commit one statement; return its rows."""
    with connection, connection.cursor() as cursor:
        cursor.execute(*statement)
        return list(cursor.fetchall()) if cursor.description is not None else []


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
