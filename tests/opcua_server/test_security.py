"""Who may log in, how, and what the endpoints say."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from pydantic import SecretStr

from runtime.passwords import hash_password
from runtime.pki.own import application_uri, own_identities
from runtime.running import secret
from runtime.users_file import User, changed_users

from .conftest import Serving, value, write

OFF_LOOPBACK = {"server.listen": "0.0.0.0", "server.hosts": ["plant.example"]}


async def secured(endpoint: str, data: Path, mode: ua.MessageSecurityMode) -> Client:
    """A client whose certificate the server knows."""
    client = Client(endpoint)
    identity = own_identities(data / "pki", (), "outside")[0]
    client.application_uri = application_uri("outside")
    await client.set_security(SecurityPolicyBasic256Sha256, identity.certificate, identity.key, mode=mode)
    return client


@pytest.mark.parametrize("mode", [ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt])
async def test_basic256sha256_works_beside_none(serving: Serving, data: Path, mode: ua.MessageSecurityMode) -> None:
    async with serving() as endpoint, await secured(endpoint, data, mode) as client:
        assert 280 < await value(client, "R101.T") < 420


async def test_off_loopback_only_known_users_enter(serving: Serving, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with changed_users(folder / "users.yaml") as users:
        users["anna"] = User(roles=("Observer",), hash=SecretStr(hash_password("correct horse")))
    async with serving(OFF_LOOPBACK, folder) as endpoint:
        with pytest.raises(ua.UaError):
            async with Client(endpoint):
                pass
        for name, word in (("anna", "wrong"), ("nobody", "correct horse"), ("controller", "")):
            client = await secured(endpoint, folder, ua.MessageSecurityMode.SignAndEncrypt)
            client.set_user(name)
            client.set_password(word)
            with pytest.raises(ua.UaError):
                async with client:
                    pass
        client = await secured(endpoint, folder, ua.MessageSecurityMode.SignAndEncrypt)
        client.set_user("anna")
        client.set_password("correct horse")
        async with client:
            assert 280 < await value(client, "R101.T") < 420
            answers = await write(client, ("R101.TIC101.SP", 340.0, ua.VariantType.Double))
            assert answers == ["BadUserAccessDenied"]
            with pytest.raises(ua.uaerrors.BadUserAccessDenied):
                await client.get_node("ns=2;s=Plant.Simulation").call_method("2:Reset")
        service = await secured(endpoint, folder, ua.MessageSecurityMode.SignAndEncrypt)
        service.set_user("controller")
        service.set_password(secret(folder / "secrets" / "controller"))
        async with service:
            answers = await write(
                service,
                ("R101.TIC101.Heartbeat", 1, ua.VariantType.UInt32),
                ("R101.Tc", 305.0, ua.VariantType.Double),
                ("R101.TIC101.SP", 340.0, ua.VariantType.Double),
            )
            assert answers == ["Good", "Good", "BadUserAccessDenied"]


async def test_endpoints_answer_with_the_host_the_client_used(serving: Serving) -> None:
    async with serving({"server.hosts": ["plant.example"]}) as endpoint:
        for host in ("127.0.0.1", "localhost"):
            url = endpoint.replace("127.0.0.1", host)
            found = await Client(url).connect_and_get_server_endpoints()
            assert {each.EndpointUrl for each in found} == {url}
            policies = {(each.SecurityPolicyUri.rpartition("#")[2], each.SecurityMode.name) for each in found}
            assert policies == {("None", "None_")} | {
                (policy, mode)
                for policy in ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
                for mode in ("Sign", "SignAndEncrypt")
            }
