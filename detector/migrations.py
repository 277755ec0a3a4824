"""The schema `cstr` by versioned SQL: `config/sql/NNN_name.sql`, each applied once, in order, whole or not at all."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - a class, in lower case

from runtime.config_files import config_file

log = logging.getLogger("detector")

LOCK = 0x63737472
"""Advisory lock, so that two starters do not migrate at once."""
_NAME = re.compile(r"^(\d{3})_(\w+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    sql: str


def migrations(folder: Path | None = None) -> list[Migration]:
    """Return all steps, in order."""
    folder = folder or config_file("sql")
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            message = f"{path}: allowed are names such as 001_what_it_does.sql"
            raise ValueError(message)
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    return found


def migrate(connection: PgConnection, steps: list[Migration]) -> int:
    """Apply the steps that the database lacks and return its version."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        cursor.execute("SELECT to_regclass('cstr.schema_version') IS NOT NULL")
        known = cursor.fetchone()
        if not (known and known[0]):
            cursor.execute("CREATE SCHEMA IF NOT EXISTS cstr")
            cursor.execute(
                "CREATE TABLE cstr.schema_version "
                "(version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
        cursor.execute("SELECT coalesce(max(version), 0) FROM cstr.schema_version")
        row = cursor.fetchone()
        version = int(row[0]) if row else 0
        for step in steps:
            if step.version > version:
                cursor.execute(step.sql)
                cursor.execute(
                    "INSERT INTO cstr.schema_version (version, name) VALUES (%s, %s)", (step.version, step.name)
                )
                log.info("database schema: step %d, %s", step.version, step.name)
                version = step.version
    return version
