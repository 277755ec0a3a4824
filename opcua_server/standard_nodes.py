"""The standard address space, built once for each version of asyncua, Python and our changes, then read from a cache.

Building it takes two seconds of a start, reading it half of one. The cache is a pickle, so it is only ever read
from the data directory's own folder, and only when nobody else can write there.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle  # nosec B403
import stat
import sys
import zlib
from pathlib import Path
from typing import Any

import asyncua
from asyncua.server.address_space import AddressSpace, NodeManagementService

from opcua_server import standard_changes

log = logging.getLogger("server")


def load(address_space: AddressSpace, cache: Path) -> None:
    """Fill an empty address space with the nodes of namespace 0."""
    ours = zlib.crc32(Path(standard_changes.__file__).read_bytes())
    path = cache / f"standard-nodes-{asyncua.__version__}-{sys.implementation.cache_tag}-{ours:08x}.pickle"
    gc.disable()  # half a million objects are made and none is garbage
    try:
        nodes = _read(path)
        if nodes is not None:
            address_space._nodes = nodes
            return
        from asyncua.server.standard_address_space import standard_address_space

        standard_address_space.fill_address_space(NodeManagementService(address_space))  # type: ignore[no-untyped-call]
        standard_changes.apply(address_space._nodes)
        _write(path, address_space._nodes)
    finally:
        gc.enable()
        gc.freeze()


def _read(path: Path) -> Any:
    try:
        for place in (path, path.parent):
            status = place.stat()
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                log.warning("%s: others may write it, so it is not used", place)
                return None
        with path.open("rb") as file:
            return pickle.load(file)  # nosec B301 # noqa: S301 - our own file, checked above
    except FileNotFoundError:
        return None
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError) as error:
        log.warning("%s is damaged (%s) and is made anew", path, error)
        return None


def _write(path: Path, nodes: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            pickle.dump(nodes, file, pickle.HIGHEST_PROTOCOL)
        temporary.replace(path)
    except OSError as error:
        log.warning("%s: the cache was not written (%s); the next start is slower", path, error)
    finally:
        temporary.unlink(missing_ok=True)
