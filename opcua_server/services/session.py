"""Session service set: Cancel (OPC 10000-4 v1.05 §5.7.5), which asyncua does not have.

CreateSession, ActivateSession and CloseSession are the library's; what follows from them is in `PlantSession`.
"""

from __future__ import annotations

from opcua_server.session import PlantSession
from opcua_server.wire.requests import unsigned


def cancel(session: PlantSession, body: bytes, at: int) -> int:
    """Cancel the Publish requests of a handle, and return their number; what is being worked on goes on."""
    return session.queue.cancel(unsigned(body, at))
