"""Lets the process open as many files as it may have connections: by default it is 1,024, and each is one."""

from __future__ import annotations

import resource

from runtime.errors import CouldNotRun

OTHERS = 100
"""Files that are no client's."""


def allow(connections: int) -> None:
    """Raise what the process may open.

    Raises:
        CouldNotRun: when the system does not let it.
    """
    wanted = connections + OTHERS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        message = (
            f"server.limits.connections: {connections} connections need {wanted} open files, and the system allows "
            f"{hard}; allowed is {hard - OTHERS} at most, or raise it by `ulimit -Hn`"
        )
        raise CouldNotRun(message)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
