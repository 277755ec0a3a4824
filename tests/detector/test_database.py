"""Migrations, least rights and upserts on the real PostgreSQL; what waits survives its absence."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from prometheus_client import CollectorRegistry

from detector.database import Database, connect, execute
from detector.migrations import Migration, migrate, migrations
from detector.statements import Anomaly, end_forgotten, put_anomaly, put_summary
from detector.summary import BATCH, Summary
from runtime.reconnect import nobody_told

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
SUMMARY = Summary(BATCH, "batch", NOW, NOW + timedelta(hours=1), *([1.0] * 13), anomalies=3)  # type: ignore[arg-type]
ANOMALY = Anomaly("R101", NOW, None, 1.5, "baseline", "T high", {"deviations_sd": {"T": 12.0}})


async def test_the_schema_is_made_once_and_rows_are_replaced(database_server) -> None:
    dsn = database_server.component.dsn
    for _ in range(2):
        connection = connect(dsn)
        assert migrate(psycopg2.connect(dsn), migrations()) == len(migrations())
        execute(connection, put_summary(SUMMARY))
        execute(connection, put_summary(dataclasses.replace(SUMMARY, anomalies=9)))
        execute(connection, put_anomaly(ANOMALY))
        ended = dataclasses.replace(ANOMALY, ended_at=NOW + timedelta(minutes=1), peak_score=1.2)
        execute(connection, put_anomaly(ended))
        assert execute(connection, ("SELECT anomalies FROM cstr.summary", ())) == [(9,)]
        rows = execute(connection, ("SELECT peak_score, ended_at, details FROM cstr.anomaly", ()))
        assert rows == [(1.5, NOW + timedelta(minutes=1), {"deviations_sd": {"T": 12.0}})]
        connection.close()


async def test_the_writer_has_no_more_rights_than_it_needs(database_server) -> None:
    connection = connect(database_server.component.dsn)
    execute(connection, put_anomaly(ANOMALY))
    for sql in ("DELETE FROM cstr.anomaly", "DROP TABLE cstr.summary", "UPDATE cstr.schema_version SET version = 9"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(connection, (sql, ()))
    connection.close()


async def test_a_failed_step_leaves_nothing(database_server) -> None:
    connection = psycopg2.connect(database_server.component.dsn)
    broken = [Migration(1, "good", "CREATE TABLE cstr.made (x integer)"), Migration(2, "bad", "CREATE NONSENSE")]
    with pytest.raises(psycopg2.errors.SyntaxError):
        migrate(connection, broken)
    assert execute(connection, ("SELECT to_regclass('cstr.made')", ())) == [(None,)]
    connection.close()


async def test_forgotten_episodes_are_ended(database_server) -> None:
    connection = connect(database_server.component.dsn)
    execute(connection, put_anomaly(ANOMALY))
    execute(connection, end_forgotten("R101", "baseline", NOW - timedelta(hours=1)))
    assert execute(connection, ("SELECT ended_at FROM cstr.anomaly", ())) == [(NOW,)]
    connection.close()


async def test_what_is_submitted_while_the_database_is_away_is_there_afterwards(database_server) -> None:
    registry = CollectorRegistry()
    database = Database(database_server.component.dsn, registry)
    running = asyncio.create_task(database.run(nobody_told))
    database.submit(put_summary(SUMMARY))
    await database.flush(10)
    await database_server.kill()
    database.submit(("INSERT INTO cstr.no_such_table VALUES (1)", ()), put_anomaly(ANOMALY))
    await asyncio.sleep(0.5)
    await database_server.start()
    async with asyncio.timeout(20):
        assert await database.has_summary(BATCH, "batch", NOW)
    connection = connect(database_server.component.dsn)
    assert execute(connection, ("SELECT cause FROM cstr.anomaly", ())) == [("T high",)]
    assert registry.get_sample_value("cstr_statements_dropped_total", {"reason": "refused"}) == 1
    connection.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
