"""A profile of OPC 10000-7, and the conformance units that make it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SERVER = "http://opcfoundation.org/UA-Profile/Server/"


@dataclass(frozen=True, slots=True)
class Unit:
    """A conformance unit."""

    name: str
    is_optional: bool = False
    lacks: str = ""
    """Why it is not offered, or what is missing; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile or facet: its own units, and the profiles that it includes."""

    name: str
    uri: str
    source: str
    """Where its units are listed."""
    includes: tuple[Profile, ...] = ()
    units: tuple[Unit, ...] = ()

    def all_units(self) -> Iterator[Unit]:
        """Yield its units and those of all it includes."""
        for profile in self.includes:
            yield from profile.all_units()
        yield from self.units

    @property
    def missing(self) -> tuple[Unit, ...]:
        """Mandatory units that the server lacks."""
        return tuple(dict.fromkeys(unit for unit in self.all_units() if unit.lacks and not unit.is_optional))

    @property
    def is_supported(self) -> bool:
        """True when no mandatory unit is missing."""
        return not self.missing


def units(*names: str) -> tuple[Unit, ...]:
    """Return mandatory units that nothing is lacking of."""
    return tuple(Unit(name) for name in names)


def optional(name: str, lacks: str = "") -> Unit:
    """Return an optional unit."""
    return Unit(name, is_optional=True, lacks=lacks)
