"""The embedded PostgreSQL: who may come in, and what a kill leaves."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from detector.migrations import migrate, migrations
from gateway.components import postgres_binaries
from gateway.components.component import ComponentError
from gateway.components.postgres import Postgres
from runtime.config_files import config_file
from runtime.ports import free_port


def rows(dsn: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


async def test_committed_rows_survive_sigkill_and_a_clean_stop(tmp_path: Path, serving) -> None:
    database = Postgres(tmp_path / "data", free_port())
    async with serving(database) as child:
        rows(database.dsn, "create table kept (n int)")
        for n in (1, 2):
            rows(database.dsn, f"insert into kept values ({n})")
            child.kill()
            await child.start()
        assert rows(database.dsn, "select n from kept order by n") == [(1,), (2,)]
        assert child.stop() == 0
    async with serving(database):
        assert rows(database.dsn, "select count(*) from kept") == [(2,)]


async def test_nobody_comes_in_without_the_password_that_only_its_owner_reads(tmp_path: Path, serving) -> None:
    database = Postgres(tmp_path / "data", free_port())
    async with serving(database):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(f"postgresql://postgres:guess@127.0.0.1:{database.port}/postgres")
        assert rows(database.dsn, "show password_encryption") == [("scram-sha-256",)]
        assert rows(database.dsn, "select rolname from pg_authid where rolpassword like 'SCRAM%'")
    assert (tmp_path / "data/secrets/postgres").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data/postgres").stat().st_mode & 0o777 == 0o700


async def test_a_pid_file_whose_number_is_another_process_now_does_not_hinder(tmp_path: Path, serving) -> None:
    database = Postgres(tmp_path / "data", free_port())
    async with serving(database) as child:
        child.kill()
        file = tmp_path / "data/postgres/postmaster.pid"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        await child.start()
        assert rows(database.dsn, "select 1") == [(1,)]


async def test_a_second_start_on_the_same_data_is_refused_by_pid(tmp_path: Path, serving, monkeypatch) -> None:
    monkeypatch.setattr("gateway.components.postgres.ORPHANS_END_S", 0.2)
    database = Postgres(tmp_path / "data", free_port())
    async with serving(database) as child:
        with pytest.raises(ComponentError, match=f"process {child.process.pid}"):
            await Postgres(tmp_path / "data", free_port()).prepare()
        assert rows(database.dsn, "select 1") == [(1,)]


async def test_a_half_made_cluster_is_made_anew(tmp_path: Path, serving) -> None:
    half = tmp_path / "data/postgres.making/cluster"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    database = Postgres(tmp_path / "data", free_port())
    async with serving(database):
        assert rows(database.dsn, "select 1") == [(1,)]
    assert not half.parent.exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="cstr-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
async def test_binaries_out_of_nobodys_reach_are_copied(
    tmp_path: Path, open_folder: Path, serving, monkeypatch
) -> None:
    assert not postgres_binaries.others_can_reach(tmp_path)
    monkeypatch.setattr(postgres_binaries, "SHARED_CACHE", open_folder / "cache")
    monkeypatch.setattr(postgres_binaries, "others_can_reach", lambda path: False)
    postgres_binaries.reachable_binaries.cache_clear()
    try:
        copy = postgres_binaries.reachable_binaries()
        assert copy.is_relative_to(open_folder)
        database = Postgres(tmp_path / "data", free_port())
        async with serving(database) as child:
            assert psutil.Process(child.process.pid).exe() == str(copy / "postgres")
            assert rows(database.dsn, "select 1") == [(1,)]
    finally:
        postgres_binaries.reachable_binaries.cache_clear()


async def test_the_compose_readers_login_reads_and_does_not_write(tmp_path: Path, serving) -> None:
    script = config_file("compose/reader.sql").read_text()
    (tmp_path / "postgres_reader").write_text("word")
    (tmp_path / "reader.sql").write_text(script.replace("/run/secrets", str(tmp_path)))
    database = Postgres(tmp_path, free_port())
    async with serving(database):
        argv = [
            postgres_binaries.reachable_binaries() / "psql",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            tmp_path / "reader.sql",
            database.dsn,
        ]
        done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with closing(psycopg2.connect(database.dsn)) as connection:
            migrate(connection, migrations())
        reader = f"postgresql://reader:word@127.0.0.1:{database.port}/postgres"
        assert rows(reader, "SELECT * FROM cstr.summary") == []
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            rows(reader, "DELETE FROM cstr.summary")
