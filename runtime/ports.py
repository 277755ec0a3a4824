"""Free TCP ports below 32768, so that no outgoing connection takes one first."""

from __future__ import annotations

import errno
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
    return _error(port, host) is None


def require_free(port: int, host: str, what: str, key: str) -> None:
    """Refuse a port that is in use or an address that is not here, naming it and its setting.

    Raises:
        CouldNotRun: when one cannot listen there.
    """
    error = _error(port, host)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        message = f"{what}: port {port} on {host} is in use; end what listens there, set {key}, or use --ports auto"
    else:
        message = (
            f"{what}: cannot listen on {host}:{port} ({error.strerror}); "
            f"set {key}, or server.listen to an address of this machine"
        )
    raise CouldNotRun(message)


def _error(port: int, host: str) -> OSError | None:
    """Return why one cannot listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None
