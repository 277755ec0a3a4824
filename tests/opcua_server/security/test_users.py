"""Users of the users file log in over the wire, while the file changes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from pydantic import SecretStr

from runtime.passwords import hash_password
from runtime.pki.own import application_uri, own_identities
from runtime.ports import free_port
from runtime.settings import Role
from runtime.users_file import User, changed_users

from ..conftest import Serving, value, write

OFF_LOOPBACK = {"server.listen": "0.0.0.0"}
RIGHT = "correct horse"
WITHIN_S = 10.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose clients are trusted: `outside`, and the person `carla`."""
    data = tmp_path_factory.mktemp("users")
    for name, pki in (("outside", "pki"), ("carla", "pki/users")):
        trusted = data / pki / "trusted" / "certs"
        trusted.mkdir(parents=True)
        (trusted / f"{name}.der").write_bytes(own_identities(data / name, (), name)[0].certificate.read_bytes())
    return data


@pytest.fixture
def users_file(data: Path) -> Path:
    """The users file, not there yet."""
    path = data / "users.yaml"
    path.unlink(missing_ok=True)
    return path


def put(path: Path, name: str, *roles: Role, password: str = RIGHT) -> None:
    with changed_users(path) as users:
        users[name] = User(roles=roles, hash=SecretStr(hash_password(password)))


def remove(path: Path, name: str) -> None:
    with changed_users(path) as users:
        del users[name]


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


async def secured(endpoint: str, data: Path) -> Client:
    """Return a client that is not yet connected and nobody's."""
    client = Client(endpoint)
    identity = own_identities(data / "outside", (), "outside")[0]
    client.application_uri = application_uri("outside")
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        identity.certificate,
        identity.key,
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    return client


async def logged_in(endpoint: str, data: Path, name: str, password: str = RIGHT) -> Client:
    """Return a client that is not yet connected."""
    client = await secured(endpoint, data)
    client.set_user(name)
    client.set_password(password)
    return client


async def is_refused(endpoint: str, data: Path, name: str, password: str = RIGHT) -> bool:
    try:
        async with await logged_in(endpoint, data, name, password):
            return False
    except ua.uaerrors.BadUserAccessDenied:
        return True


async def setpoint_status(client: Client) -> str:
    return (await write(client, ("R101.TIC101.SP", 340.0, ua.VariantType.Double)))[0]


async def test_users_come_change_and_go_while_the_server_runs(serving: Serving, data: Path, users_file: Path) -> None:
    async with serving(OFF_LOOPBACK, data) as endpoint:
        assert await is_refused(endpoint, data, "anna")
        put(users_file, "anna", "Operator")
        async with await logged_in(endpoint, data, "anna") as client:
            assert await setpoint_status(client) == "Good"
        put(users_file, "anna", "Observer", password="another one")
        assert await is_refused(endpoint, data, "anna")
        async with await logged_in(endpoint, data, "anna", "another one") as client:
            assert 280 < await value(client, "R101.T") < 420
            assert await setpoint_status(client) == "BadUserAccessDenied"
        remove(users_file, "anna")
        assert await is_refused(endpoint, data, "anna", "another one")


async def write_until_refused(client: Client) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            await setpoint_status(client)
            await asyncio.sleep(0.05)


async def test_the_sessions_of_who_is_changed_end_and_those_of_others_go_on(
    serving: Serving, data: Path, users_file: Path
) -> None:
    names = ("removed", "other roles", "other password", "unchanged")
    for name in names:
        put(users_file, name, "Operator")
    async with serving(OFF_LOOPBACK, data) as endpoint:
        clients = {name: await logged_in(endpoint, data, name) for name in names}
        for client in clients.values():
            await client.connect()
            assert await setpoint_status(client) == "Good"
        remove(users_file, "removed")
        put(users_file, "other roles", "Observer")
        put(users_file, "other password", "Operator", password="another one")
        for name in names[:3]:
            with pytest.raises((ua.UaError, ConnectionError)):
                await write_until_refused(clients[name])
        assert await setpoint_status(clients["unchanged"]) == "Good"
        for client in clients.values():
            with contextlib.suppress(ua.UaError, ConnectionError):
                await client.disconnect()


async def test_wrong_passwords_lock_the_name_there_and_our_services_log_in(
    serving: Serving, data: Path, users_file: Path
) -> None:
    put(users_file, "anna", "Operator")
    put(users_file, "bert", "Operator")
    settings = {**OFF_LOOPBACK, "server.login": {"failures": 2, "lock_s": 600.0}}
    async with serving(settings, data) as endpoint:
        for number in range(2):
            assert await is_refused(endpoint, data, "anna", f"wrong {number}")
        assert await is_refused(endpoint, data, "anna"), "locked"
        assert not await is_refused(endpoint, data, "bert")
        secret = (data / "secrets" / "historian").read_text().strip()
        for number in range(2):
            assert await is_refused(endpoint, data, "historian", f"wrong {number}")
        assert not await is_refused(endpoint, data, "historian", secret)


async def test_a_person_logs_in_by_a_certificate(serving: Serving, data: Path, users_file: Path) -> None:
    identity = own_identities(data / "carla", (), "carla")[0]

    async def by_certificate() -> Client:
        client = await secured(endpoint, data)
        await client.load_client_certificate(str(identity.certificate))
        await client.load_private_key(identity.key)
        return client

    async with serving(OFF_LOOPBACK, data) as endpoint:
        with pytest.raises(ua.uaerrors.BadIdentityTokenRejected):
            await (await by_certificate()).connect()
        thumbprint = hashlib.sha256(identity.certificate.read_bytes()).hexdigest()
        with changed_users(users_file) as users:
            users["carla"] = User(roles=("Operator",), thumbprint=thumbprint)
        async with await by_certificate() as client:
            assert await setpoint_status(client) == "Good"
        assert await is_refused(endpoint, data, "carla", "no password is hers")


async def test_a_bad_file_changes_nothing_until_it_is_good(serving: Serving, data: Path, users_file: Path) -> None:
    put(users_file, "anna", "Operator")
    async with (
        serving(OFF_LOOPBACK, data) as endpoint,
        await logged_in(endpoint, data, "anna") as client,
    ):
        edit(users_file, "Operator", "Operatr")
        async with await logged_in(endpoint, data, "anna") as another:
            assert await setpoint_status(another) == "Good"
        await asyncio.sleep(1.5)
        assert await setpoint_status(client) == "Good"
        edit(users_file, "Operatr", "Observer")
        async with await logged_in(endpoint, data, "anna") as another:
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
