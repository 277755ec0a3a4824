"""Finds a real component: named by its environment variable, on PATH, or in the cache."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.components.catalogue import CATALOGUE, Entry, how_to_get, installed_version
from gateway.components.component import ComponentError
from runtime.errors import BadInput

# Debian keeps daemons where a plain user's PATH does not look.
EXTRA_PATH = "/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a component is, and who put it there."""

    path: Path
    version: str
    source: Literal["environment", "PATH", "cache"]


def cache_dir() -> Path:
    """The folder of what `make components` built, outside any working tree."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cstr-gateway"


def entry_of(name: str) -> Entry:
    """The catalogue's entry of that name.

    Raises BadInput for an unknown name.
    """
    if name not in CATALOGUE:
        message = f"component {name!r} is unknown; allowed are {', '.join(CATALOGUE)}"
        raise BadInput(message)
    return CATALOGUE[name]


def locate(name: str) -> Found | None:
    """The component to use: the environment variable's, then PATH's, then the cache's.

    Raises BadInput when the environment variable names something else.
    """
    entry = entry_of(name)
    if named := os.environ.get(entry.variable):
        path = Path(named).absolute()
        version = installed_version(entry, path)
        if version is None:
            message = f"environment {entry.variable}: {named!r} is no {name} that will do ({entry.otherwise})"
            raise BadInput(message)
        return Found(path, version, "environment")
    on_path = shutil.which(entry.launcher, path=f"{os.environ.get('PATH', os.defpath)}:{EXTRA_PATH}")
    if on_path is not None and (version := installed_version(entry, Path(on_path))) is not None:
        return Found(Path(on_path), version, "PATH")
    return in_cache(entry)


def in_cache(entry: Entry) -> Found | None:
    """What a build or install left in the cache; it is renamed there whole, so it is complete."""
    path = entry.folder(cache_dir()) / entry.launcher
    if not path.exists():
        return None
    version = installed_version(entry, path)
    return Found(path, version, "cache") if version is not None else None


def find(name: str) -> Path | None:
    """The path of the component (of a library: of the folder that holds it), or None."""
    found = locate(name)
    return found.path if found is not None else None


def required(name: str) -> Path:
    """The path of the component.

    Raises ComponentError, saying how to get it, when it is not here.
    """
    path = find(name)
    if path is None:
        message = f"{name} is not here: {advice(name)}"
        raise ComponentError(message)
    return path


def advice(name: str) -> str:
    """How the component can be had on this machine."""
    return how_to_get(entry_of(name), missing=lambda tool: shutil.which(tool) is None)
