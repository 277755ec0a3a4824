"""Failed logins are answered ever later, then lock who tries for a while (OPC 10000-4 v1.05 §5.7.3.1): pure.

They are counted for each user name from each address, so that nobody is locked out by what another address does, and
for each address over all names, so that names cannot be tried one after the other. Only the answer to a failure waits.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from runtime.settings import LoginSettings
from runtime.users_file import LONGEST_NAME

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 2.0
"""Less than the four seconds after which some clients give up."""
MOST_RECORDS = 10_000
"""Of user names, and of addresses; beyond it the ones longest without a failure are forgotten."""
_MOST_DOUBLINGS = 20
Key = TypeVar("Key", str, tuple[str, str])


@dataclass(slots=True)
class _Record:
    failures: int = 0
    """Since the last lock."""
    locks: int = 0
    locked_until: float = 0.0
    last: float = 0.0
    """Time of the last failure."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a failure brings."""

    delay_s: float
    """Its answer waits so long."""
    lock_s: float
    """0: nothing is locked by it."""


class Lockout:
    """Counts failed logins."""

    def __init__(self, limits: LoginSettings, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._names: dict[tuple[str, str], _Record] = {}
        self._origins: dict[str, _Record] = {}

    def locked_s(self, name: str, address: str) -> float:
        """Return how long the name is locked from there: 0 when it is not."""
        origin = origin_of(address)
        found = (self._names.get((origin, _cut(name))), self._origins.get(origin))
        return max(0.0, *(each.locked_until - self._clock() if each is not None else 0.0 for each in found))

    def failed(self, name: str, address: str) -> Penalty:
        """Take note of a failure."""
        origin = origin_of(address)
        record, by_name = self._note(self._names, (origin, _cut(name)), self._limits.failures)
        _, by_origin = self._note(self._origins, origin, self._limits.address_failures)
        before = record.failures + record.locks * self._limits.failures - 1
        delay_s = min(FIRST_DELAY_S * 2.0 ** min(before, _MOST_DOUBLINGS), LONGEST_DELAY_S)
        return Penalty(delay_s, max(by_name, by_origin))

    def succeeded(self, name: str, address: str) -> None:
        """Forget what failed before for this name from there; what failed for other names stays counted."""
        origin = origin_of(address)
        record = self._names.pop((origin, _cut(name)), None)
        if record is not None and (all_names := self._origins.get(origin)) is not None:
            all_names.failures = max(0, all_names.failures - record.failures)

    def _note(self, records: dict[Key, _Record], key: Key, most: int) -> tuple[_Record, float]:
        """Count a failure; return the record, and the seconds of the lock that it brings."""
        now, longest_s = self._clock(), self._limits.longest_lock_s
        record = records.pop(key, None)
        if record is None or now - max(record.last, record.locked_until) > longest_s:
            record = _Record()
        records[key] = record  # the last one to be forgotten
        if len(records) > MOST_RECORDS:
            del records[next(iter(records))]
        record.failures += 1
        record.last = now
        if record.failures < most:
            return record, 0.0
        lock_s = min(self._limits.lock_s * 2.0 ** min(record.locks, _MOST_DOUBLINGS), longest_s)
        record.failures, record.locks, record.locked_until = 0, record.locks + 1, now + lock_s
        return record, lock_s


def origin_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network of an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))


def _cut(name: str) -> str:
    """Return as much of a name as tells it from those that may be users'."""
    return name[: LONGEST_NAME + 1]
