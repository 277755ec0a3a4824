"""Free TCP ports below 32768, so that no outgoing connection takes one first."""

from __future__ import annotations

import random
import socket

from runtime.errors import CouldNotRun

LOW, HIGH = 20_000, 32_767


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port nobody listens on now.

    Raises:
        CouldNotRun: when none is found in a thousand tries.
    """
    for _ in range(1000):
        port = random.randint(LOW, HIGH)
        if is_free(port, host):
            return port
    message = f"no free TCP port on {host} between {LOW} and {HIGH}"
    raise CouldNotRun(message)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether one can listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(port: int, host: str, what: str, key: str) -> None:
    """Refuse a port that is in use, naming it and the setting that moves it.

    Raises:
        CouldNotRun: when something listens there.
    """
    if not is_free(port, host):
        message = f"{what}: port {port} on {host} is in use; end what listens there, set {key}, or use --ports auto"
        raise CouldNotRun(message)
