"""A command's connection to the running plant."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from runtime.opcua_link.connect import connected, service_login
from runtime.opcua_link.link import OpcuaLink
from runtime.running import RUN_SETTINGS, find_running
from runtime.settings_file import load_settings


@contextlib.asynccontextmanager
async def plant_link(data: Path) -> AsyncIterator[OpcuaLink]:
    """Connect to the plant that runs on this data directory; off loopback with the login kept there.

    Raises:
        CouldNotRun: when none runs.
        LinkLost: when its server cannot be reached.
    """
    find_running(data)
    settings = load_settings(data / RUN_SETTINGS, env={})
    login = service_login("gateway", settings, data)
    async with connected(settings.server.local_endpoint, "cstr-gateway-command", login) as link:
        yield link
