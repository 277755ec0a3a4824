"""run.json: what runs and where; one `up` on a data directory at a time."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from gateway.up.parts import ServicePart
from gateway.up.supervisor import Supervised, Supervisor
from runtime.addresses import in_url
from runtime.errors import BadInput, CouldNotRun
from runtime.running import LOCK_FILE, RUN_FILE, RunningPlant, is_alive, make_data_directory, read_run_file
from runtime.settings import Settings
from runtime.whole_files import write_private

log = logging.getLogger("up")

LEFTOVERS_END_S = 5.0
AGAIN_AFTER_S = 10.0


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data directory.

    Raises:
        BadInput: when it is a file.
        CouldNotRun: when it cannot be written to, or another `up` holds it.
    """
    make_data_directory(data)
    with (data / LOCK_FILE).open("ab", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = (
                f"a plant runs on {data} already; end it first, or start a second one with --data and --ports auto"
            )
            raise CouldNotRun(message) from None
        with contextlib.suppress(OSError):  # a full disk: until run.json is there, commands do not see the plant
            lock.truncate(0)
            lock.write(f"{os.getpid()} {psutil.Process().create_time()}\n".encode())
        yield


def clear_leftovers(data: Path) -> None:
    """Say so when a run.json is stale, and end what its run left behind: pid and start time have to match."""
    try:
        old = read_run_file(data)
    except BadInput as error:
        log.warning("%s; it is removed", error)
        (data / RUN_FILE).unlink(missing_ok=True)
        return
    if old is None:
        return
    log.warning("%s is of a run that was killed; going on from there", data / RUN_FILE)
    left: list[psutil.Process] = []
    for entry in [*old.services.values(), *old.components.values()]:
        if is_alive(entry["pid"], entry["started"]):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(entry["pid"])
                process.terminate()
                left.append(process)
    _, alive = psutil.wait_procs(left, LEFTOVERS_END_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    (data / RUN_FILE).unlink(missing_ok=True)


class RunFile:
    """run.json of a run, written at each change; a disk that is full is said once, and tried again."""

    def __init__(self, data: Path, settings: Settings, supervisor: Supervisor) -> None:
        self._data = data
        self._settings = settings
        self._supervisor = supervisor
        self._is_failing = False

    def write(self) -> None:
        """Write it as things stand, readable by its owner only: it holds the database's password."""
        try:
            write_private(self._data / RUN_FILE, _content(self._data, self._settings, self._supervisor))
        except OSError as error:
            if not self._is_failing:
                log.error("%s: %s; commands do not see the latest processes", self._data / RUN_FILE, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False

    async def keep(self) -> None:
        """Write it again now and then while it fails, for ever."""
        while True:
            await asyncio.sleep(AGAIN_AFTER_S)
            if self._is_failing:
                self.write()


def _content(data: Path, settings: Settings, supervisor: Supervisor) -> str:
    mqtt = settings.mqtt.url.get_secret_value() if settings.mqtt.url is not None else ""
    parts = urlsplit(mqtt)
    influx = settings.influxdb
    me = psutil.Process()
    host = settings.server.hosts[0] if settings.server.hosts else settings.server.local_host
    plant = RunningPlant(
        opcua=settings.server.endpoint,
        http=f"http://{in_url(host)}:{settings.historian.http_port}",
        mqtt={"host": parts.hostname, "port": parts.port, "url": mqtt},
        postgres=settings.postgres.dsn.get_secret_value() if settings.postgres.dsn is not None else "",
        influxdb=None
        if influx.url is None
        else {"url": influx.url, "org": influx.org, "bucket": influx.bucket, "token_file": str(influx.token_file)},
        services={
            name: {**_process(part), "health": part.part.health}
            for name, part in supervisor.parts.items()
            if isinstance(part.part, ServicePart)
        },
        components={
            name: _process(part) for name, part in supervisor.parts.items() if not isinstance(part.part, ServicePart)
        },
        pid=os.getpid(),
        started=me.create_time(),
        data=str(data.absolute()),
    )
    return json.dumps(dataclasses.asdict(plant), indent=1) + "\n"


def remove(data: Path) -> None:
    """Remove run.json."""
    (data / RUN_FILE).unlink(missing_ok=True)


def _process(part: Supervised) -> dict[str, object]:
    child = part.child
    return {"pid": child.pid, "started": child.started} if child is not None else {"pid": 0, "started": time.time()}
