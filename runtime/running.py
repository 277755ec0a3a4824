"""How commands and services find a running plant: `DATA/run.json` and `DATA/secrets`."""

from __future__ import annotations

import contextlib
import os
import secrets as random_secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
from pydantic import AfterValidator, TypeAdapter, ValidationError

from runtime.errors import BadInput, CouldNotRun

RUN_FILE = "run.json"
LOCK_FILE = ".lock"
"""Held by `up`, which writes there who it is: pid and start time."""
RUN_SETTINGS = Path("run") / "settings.yaml"
"""What the services of a run were given, secrets included; in DATA, 0600."""


def _check_process(entry: dict[str, Any]) -> dict[str, Any]:
    pid, started = entry.get("pid"), entry.get("started")
    if not isinstance(pid, int) or pid < 0 or not isinstance(started, int | float):
        message = "pid and started are numbers"
        raise ValueError(message)
    return entry


Process = Annotated[dict[str, Any], AfterValidator(_check_process)]


@dataclass(frozen=True, slots=True)
class RunningPlant:
    """The content of run.json."""

    opcua: str
    http: str
    mqtt: dict[str, Any]
    """`{"host": ..., "port": ..., "url": ...}`."""
    postgres: str
    influxdb: dict[str, Any] | None
    """`{"url", "org", "bucket", "token_file"}`."""
    services: dict[str, Process]
    """name -> `{"pid", "started", "health"}`."""
    components: dict[str, Process]
    pid: int
    """Of `cstr-gateway up`."""
    started: float
    """Its start time, as psutil gives it: a pid alone may be somebody else's by now."""
    data: str


_PLANT = TypeAdapter(RunningPlant)


def make_data_directory(data: Path) -> None:
    """Make the data directory, if it is not there yet.

    Raises:
        BadInput: when it is a file, or below one.
        CouldNotRun: when it cannot be made or written to.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        message = f"--data {data}: is a file, or below one; allowed is a directory"
        raise BadInput(message) from None
    except OSError as error:
        reason = error.strerror
    else:
        if os.access(data, os.W_OK | os.X_OK):
            return
        reason = "it cannot be written to"
    message = f"--data {data}: {reason}; name a directory of your own"
    raise CouldNotRun(message)


def is_alive(pid: int, started: float) -> bool:
    """Tell whether the very process that had this pid and start time still runs."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def read_run_file(data: Path) -> RunningPlant | None:
    """Return what run.json says, running or not; None without the file.

    Raises:
        BadInput: when the file is damaged.
    """
    path = data / RUN_FILE
    try:
        plant = _PLANT.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}"
    except OSError as error:
        reason = str(error.strerror)
    else:
        return plant
    message = f"{path}: not a run.json of cstr-gateway ({reason}); delete it when no plant runs there"
    raise BadInput(message)


def find_running(data: Path) -> RunningPlant:
    """Return the plant that runs on this data directory.

    Raises:
        CouldNotRun: when none does, or it is still starting, with what to do next.
    """
    plant = read_run_file(data)
    if plant is not None and is_alive(plant.pid, plant.started):
        return plant
    if _is_held(data):
        message = (
            f"the plant on {data} is starting, and not everything is ready yet; "
            "ask again in a minute: at the first start the detector learns what is normal"
        )
        raise CouldNotRun(message)
    message = f"no plant runs on {data}; start one with `make run`, or name its directory with --data DIR"
    raise CouldNotRun(message)


def _is_held(data: Path) -> bool:
    """Tell whether an `up` is there; the lock itself is not tried, so that none that starts now is refused."""
    try:
        pid, started = (data / LOCK_FILE).read_text(encoding="utf-8").split()
        return is_alive(int(pid), float(started))
    except (OSError, ValueError):
        return False


def secret(path: Path) -> str:
    """Return the secret in that file: 32 URL-safe characters made at first use, kept 0600, never half there."""
    if not path.exists():
        folder = path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        fresh = folder / f".{path.name}.{os.getpid()}.{random_secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(random_secrets.token_urlsafe(24) + "\n")
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, leaves the secret of another starter that came first.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8").strip()
