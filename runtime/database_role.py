"""Least rights in PostgreSQL: going on as a role that may do no more than is needed."""

from __future__ import annotations

from psycopg2.extensions import connection as PgConnection  # noqa: N812 - a class, in lower case

READER, WRITER = "cstr_reader", "cstr_writer"
"""Made by the detector's migrations."""


def take_role(connection: PgConnection, role: str) -> None:
    """Go on as one of our roles where it is granted; a login of a shared server goes on as itself."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role(rolname, 'MEMBER') FROM pg_roles WHERE rolname = %s", (role,))
        if cursor.fetchone() == (True,):
            cursor.execute(f"SET ROLE {role}")
