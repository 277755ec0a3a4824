"""A client that nobody knows is refused, kept as rejected, and let in by one command while the server runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from typer.testing import CliRunner

from gateway.cli import make_app
from runtime.pki import renewal
from runtime.pki.own import application_uri, own_identities

from ..conftest import Serving, value

REFUSED = ua.uaerrors.BadSecurityChecksFailed


@pytest.fixture
async def endpoint(serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(renewal, "LOOK_S", 0.0)
    async with serving(folder=tmp_path / "data") as endpoint:
        yield endpoint


async def temperature(endpoint: str, pki: Path, server_certificate: bytes | None = None) -> float:
    """Connect as UaExpert with a certificate of its own and read T."""
    client = Client(endpoint)
    client.application_uri = application_uri("UaExpert")
    own = own_identities(pki, (), "UaExpert")[0]
    await client.set_security(
        SecurityPolicyBasic256Sha256, own.certificate, own.key, server_certificate=server_certificate
    )
    async with client:
        return float(await value(client, "R101.T"))


def certs(data: Path, *words: str) -> None:
    result = CliRunner().invoke(make_app(), ["certs", *words, "--data", str(data)])
    assert result.exception is None, result.exception


async def test_one_command_lets_a_client_in_and_another_out(endpoint: str, tmp_path: Path) -> None:
    data, strangers = tmp_path / "data", tmp_path / "strangers"
    with pytest.raises(REFUSED):
        await temperature(endpoint, strangers)
    certs(data, "trust", "UaExpert")
    assert 280 < await temperature(endpoint, strangers) < 420
    certs(data, "reject", "UaExpert")
    with pytest.raises(REFUSED):
        await temperature(endpoint, strangers)


async def test_a_client_that_knows_the_old_certificate_goes_on_after_renewal(endpoint: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    old = own_identities(data / "pki")[0].der()
    certs(data, "renew", "--now")
    new = own_identities(data / "pki")[0].der()
    assert old != new
    assert (await Client(endpoint).connect_and_get_server_endpoints())[0].ServerCertificate == new
    assert 280 < await temperature(endpoint, data / "pki", new) < 420
    assert 280 < await temperature(endpoint, data / "pki", old) < 420
