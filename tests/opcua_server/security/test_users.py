"""Users of the users file log in over the wire, while the file changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from pydantic import SecretStr

from runtime.certificates import application_uri, own_identity
from runtime.passwords import hash_password
from runtime.ports import free_port
from runtime.settings import Role
from runtime.users_file import User, changed_users

from ..conftest import Serving, value, write

OFF_LOOPBACK = {"server.listen": "0.0.0.0"}
RIGHT = "correct horse"
WITHIN_S = 10.0


def put(path: Path, name: str, *roles: Role, password: str = RIGHT) -> None:
    with changed_users(path) as users:
        users[name] = User(roles=roles, hash=SecretStr(hash_password(password)))


def remove(path: Path, name: str) -> None:
    with changed_users(path) as users:
        del users[name]


async def logged_in(endpoint: str, folder: Path, name: str, password: str = RIGHT) -> Client:
    """Return a client that is not yet connected."""
    client = Client(endpoint)
    identity = own_identity(folder / "client", (), "outside")
    client.application_uri = application_uri("outside")
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        identity.certificate,
        identity.key,
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    client.set_user(name)
    client.set_password(password)
    return client


async def is_refused(endpoint: str, folder: Path, name: str, password: str = RIGHT) -> bool:
    try:
        async with await logged_in(endpoint, folder, name, password):
            return False
    except ua.uaerrors.BadUserAccessDenied:
        return True


async def setpoint_status(client: Client) -> str:
    return (await write(client, ("R101.TIC101.SP", 340.0, ua.VariantType.Double)))[0]


async def test_users_come_change_and_go_while_the_server_runs(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    async with serving(OFF_LOOPBACK, tmp_path) as endpoint:
        assert await is_refused(endpoint, tmp_path, "anna")
        put(path, "anna", "Operator")
        async with await logged_in(endpoint, tmp_path, "anna") as client:
            assert await setpoint_status(client) == "Good"
        put(path, "anna", "Observer", password="another one")
        assert await is_refused(endpoint, tmp_path, "anna")
        async with await logged_in(endpoint, tmp_path, "anna", "another one") as client:
            assert 280 < await value(client, "R101.T") < 420
            assert await setpoint_status(client) == "BadUserAccessDenied"
        remove(path, "anna")
        assert await is_refused(endpoint, tmp_path, "anna", "another one")


async def write_until_refused(client: Client) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            await setpoint_status(client)
            await asyncio.sleep(0.05)


async def test_the_sessions_of_who_is_changed_end_and_those_of_others_go_on(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    names = ("removed", "other roles", "other password", "unchanged")
    for name in names:
        put(path, name, "Operator")
    async with serving(OFF_LOOPBACK, tmp_path) as endpoint:
        clients = {name: await logged_in(endpoint, tmp_path, name) for name in names}
        for client in clients.values():
            await client.connect()
            assert await setpoint_status(client) == "Good"
        remove(path, "removed")
        put(path, "other roles", "Observer")
        put(path, "other password", "Operator", password="another one")
        for name in names[:3]:
            with pytest.raises((ua.UaError, ConnectionError)):
                await write_until_refused(clients[name])
        assert await setpoint_status(clients["unchanged"]) == "Good"
        for client in clients.values():
            with contextlib.suppress(ua.UaError, ConnectionError):
                await client.disconnect()


async def test_wrong_passwords_lock_the_name_there_and_our_services_log_in(serving: Serving, tmp_path: Path) -> None:
    put(tmp_path / "users.yaml", "anna", "Operator")
    put(tmp_path / "users.yaml", "bert", "Operator")
    settings = {**OFF_LOOPBACK, "server.login": {"failures": 3, "lock_s": 600.0}}
    async with serving(settings, tmp_path) as endpoint:
        for number in range(3):
            assert await is_refused(endpoint, tmp_path, "anna", f"wrong {number}")
        assert await is_refused(endpoint, tmp_path, "anna"), "locked"
        assert not await is_refused(endpoint, tmp_path, "bert")
        secret = (tmp_path / "secrets" / "historian").read_text().strip()
        for number in range(4):
            assert await is_refused(endpoint, tmp_path, "historian", f"wrong {number}")
        assert not await is_refused(endpoint, tmp_path, "historian", secret)


async def test_a_bad_file_changes_nothing_until_it_is_good(serving: Serving, tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    put(path, "anna", "Operator")
    good = path.read_text()
    async with (
        serving(OFF_LOOPBACK, tmp_path) as endpoint,
        await logged_in(endpoint, tmp_path, "anna") as client,
    ):
        path.write_text(good.replace("Operator", "Operatr"))
        async with await logged_in(endpoint, tmp_path, "anna") as another:
            assert await setpoint_status(another) == "Good"
        await asyncio.sleep(1.5)
        assert await setpoint_status(client) == "Good"
        path.write_text(good.replace("Operator", "Observer"))
        async with await logged_in(endpoint, tmp_path, "anna") as another:
            assert await setpoint_status(another) == "BadUserAccessDenied"


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("anna: {roles: [Operatr]}\n", 0o600, "users.yaml: user 'anna': roles.0: 'Operatr'"),
        ("", 0o644, "users.yaml: others may read or write it (mode 0644)"),
    ],
)
async def test_a_server_does_not_start_with_a_bad_file(tmp_path: Path, text: str, mode: int, said: str) -> None:
    (tmp_path / "users.yaml").write_text(text)
    (tmp_path / "users.yaml").chmod(mode)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "opcua_server", "--data", str(tmp_path)),
        env={
            **os.environ,
            "CSTR_GATEWAY__SERVER__PORT": str(free_port()),
            "CSTR_GATEWAY__SERVER__HEALTH_PORT": str(free_port()),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, log = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert said in log.decode()
