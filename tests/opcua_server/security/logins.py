"""People with one role each, off loopback: how they are made known to the server, and how they log in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from pydantic import SecretStr

from runtime.passwords import hash_password
from runtime.pki.own import application_uri, own_identities
from runtime.settings import Role
from runtime.users_file import User, changed_users

ENCRYPTED = ua.MessageSecurityMode.SignAndEncrypt
ANONYMOUS = ""
ROLES: dict[str, Role] = {
    "observer": "Observer",
    "operator": "Operator",
    "engineer": "Engineer",
    "supervisor": "Supervisor",
    "configure": "ConfigureAdmin",
    "security": "SecurityAdmin",
    "pid": "Controller",
    "verdict": "Detector",
}
EVERYBODY = (*ROLES, ANONYMOUS)
_PASSWORD = "correct horse battery"


def off_loopback(folder: Path) -> dict[str, object]:
    """Return the settings of a server with this data directory that all of them, and Anonymous, may log in to."""
    hashed = SecretStr(hash_password(_PASSWORD))
    with changed_users(folder / "users.yaml") as users:
        users.update({name: User(roles=(role,), hash=hashed) for name, role in ROLES.items()})
    return {"server.listen": "0.0.0.0", "server.anonymous_roles": ["Anonymous"]}


@contextlib.asynccontextmanager
async def login(
    endpoint: str, folder: Path, name: str, mode: ua.MessageSecurityMode = ENCRYPTED
) -> AsyncIterator[Client]:
    """`async with login(endpoint, folder, "operator") as client`: over a secured channel."""
    client = Client(endpoint)
    client.application_uri = application_uri("outside")
    identity = own_identities(folder / "pki", (), "outside")[0]
    await client.set_security(SecurityPolicyBasic256Sha256, identity.certificate, identity.key, mode=mode)
    if name != ANONYMOUS:
        client.set_user(name)
        client.set_password(_PASSWORD)
    async with client:
        yield client


async def become(client: Client, name: str) -> None:
    """Change the user of the session."""
    await client.activate_session(username=name or None, password=_PASSWORD if name else None)
