"""The names and addresses under which others reach this machine."""

from __future__ import annotations

import ipaddress
import socket
import threading

import psutil

LOOPBACK = ("localhost", "127.0.0.1", "::1")
RESOLVER_S = 2.0
"""A plant network often has no name server that answers."""


def machine_names() -> tuple[str, ...]:
    """Return host name, qualified name and every address that is not link-local, loopback's last."""
    return tuple(dict.fromkeys([socket.gethostname(), *_qualified_name(), *_addresses(), *LOOPBACK]))


def canonical(host: str) -> str:
    """Return a host as certificates name it: an address in its shortest form, a name in ASCII and small letters."""
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return host.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:  # no name that a name server could know
        return host.encode("ascii", "replace").decode().lower()


def _qualified_name() -> list[str]:
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(socket.getfqdn()), name="resolver", daemon=True)
    asking.start()
    asking.join(RESOLVER_S)
    return found[:1]


def _addresses() -> list[str]:
    texts = [
        interface.address.partition("%")[0]
        for interfaces in psutil.net_if_addrs().values()
        for interface in interfaces
        if interface.family in (socket.AF_INET, socket.AF_INET6)
    ]
    addresses = [ipaddress.ip_address(text) for text in texts]
    return [str(each) for each in addresses if not (each.is_link_local or each.is_loopback)]
