"""Names derived in one place: namespace, NodeIds, browse paths, MQTT topics."""

from __future__ import annotations

NAMESPACE_URI = "urn:cstr-gateway:plant"
NAMESPACE_INDEX = 2
"""Frozen: clients store it."""
AREA = "Area1"
PLANT = "Plant"
DEFAULT_SITE = "main"
FIRST_REACTOR = 101


def reactor_name(index: int) -> str:
    """Return `R101` for index 0."""
    return f"R{FIRST_REACTOR + index}"


def reactor_names(count: int) -> tuple[str, ...]:
    """Return the names of the first `count` reactors."""
    return tuple(reactor_name(index) for index in range(count))


def loop_name(reactor: str) -> str:
    """Return the temperature loop of a reactor, `TIC101` for `R101`."""
    return f"TIC{reactor[1:]}"


def split_signal(full_name: str) -> tuple[str, str]:
    """Return (reactor, name within it): `R101.TIC101.SP` -> (`R101`, `TIC101.SP`).

    Raises:
        ValueError: naming the signal and the form allowed.
    """
    reactor, dot, name = full_name.partition(".")
    if not (reactor and dot and name):
        message = f"signal {full_name!r}: allowed is REACTOR.NAME, e.g. R101.T"
        raise ValueError(message)
    return reactor, name


def node_id_text(full_name: str) -> str:
    """Return the NodeId as clients write it, e.g. `ns=2;s=R101.T`."""
    return f"ns={NAMESPACE_INDEX};s={full_name}"


def browse_path(full_name: str) -> str:
    """Return the path from the Objects folder, e.g. `/Objects/2:Plant/2:Area1/2:R101/2:T`."""
    parts = full_name.split(".")
    if parts[0] != PLANT:
        parts = [PLANT, AREA, *parts]
    return "/Objects/" + "/".join(f"{NAMESPACE_INDEX}:{part}" for part in parts)


def display_name(name_within_reactor: str) -> str:
    """Return a name without dots, unique in its reactor: `TIC101.SP` -> `TIC101_SP`."""
    return name_within_reactor.replace(".", "_")


def topic(reactor: str, leaf: str, site: str = DEFAULT_SITE) -> str:
    """Return an MQTT topic such as `plant/main/Area1/R101/lp`; `leaf` may be `json/T`."""
    return f"plant/{site}/{AREA}/{reactor}/{leaf}"
