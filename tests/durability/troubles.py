"""What goes wrong, and when: drawn from a seed, so that a run can be looked at again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .rig import KILLED, OWN_DISKS, SERVICES, Rig

AT_ONCE = ("kill", "forget")
LONGEST_S = {"freeze": 40.0}
"""Of other kinds eight; Telegraf waits ten seconds for a write, and the historian thirty for an answer."""
LINKS = ("opcua", "mqtt", "telegraf", "write", "confirm")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that goes wrong."""

    kind: str
    where: str
    wait_s: float
    """After the one before began."""
    seconds: float
    """How long it lasts."""

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.where}{lasting}"


def drawn(seed: int, *, kills: int, others: int) -> list[Trouble]:
    """Return troubles in a random order: so many kills of each part, so many of each other kind at each place."""
    chance = random.Random(seed)
    places = [("kill", part) for part in KILLED for _ in range(kills)]
    for _ in range(others):
        places += [(kind, link) for link in LINKS for kind in ("cut", "stall")]
        places += [("repeat", link) for link in ("opcua", "mqtt", "telegraf")]
        places += [("forget", "mqtt")]
        places += [("full disk", part) for part in (*SERVICES, *OWN_DISKS)]
        places += [(kind, service) for service in SERVICES for kind in ("clock forward", "clock back")]
        places += [("freeze", "influxdb")]
    chance.shuffle(places)
    return [Trouble(kind, where, chance.expovariate(1 / 2.0), _lasting(kind, chance)) for kind, where in places]


def _lasting(kind: str, chance: random.Random) -> float:
    return 0.0 if kind in AT_ONCE else chance.uniform(0.2, LONGEST_S.get(kind, 8.0))


async def befall(rig: Rig, trouble: Trouble) -> None:
    """Let it happen, and return when it is over."""
    if trouble.kind == "kill":
        await rig.kill(trouble.where)
    elif trouble.kind == "forget":
        await rig.forget()
    elif trouble.kind == "freeze":
        await rig.freeze(trouble.where, trouble.seconds)
    elif trouble.kind == "full disk":
        await rig.fill_disk(trouble.where, trouble.seconds)
    elif trouble.kind.startswith("clock"):
        offset_s = 3600.0 if trouble.kind == "clock forward" else -3600.0
        await rig.set_clock(trouble.where, offset_s, trouble.seconds)
    else:
        proxy = rig.proxies[trouble.where]
        await {"cut": proxy.cut, "stall": proxy.stall, "repeat": proxy.repeat}[trouble.kind](trouble.seconds)
