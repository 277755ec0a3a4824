"""Our services check the server they log in to: they send no password to anybody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import LinkLost
from runtime.opcua_link.connect import Login, connected, service_login
from runtime.pki.administration import Entry, entries, find, trust, trust_file
from runtime.pki.own import own_identities
from runtime.pki.store import thumbprint
from runtime.settings_file import load_settings

from ..conftest import Serving

OFF_LOOPBACK = {"server.listen": "0.0.0.0"}


def login(server: Path, service: Path) -> Login:
    """A service's login, with its own certificate known to the server and a data directory of its own."""
    own = own_identities(service / "pki", (), "controller")[0]
    trust_file(server / "pki", own.certificate)
    password = (server / "secrets/controller").read_text().strip()
    return Login("controller", password, service / "pki")


def rejected(data: Path) -> list[Entry]:
    return entries(data / "pki", ("rejected",))


async def test_services_of_the_same_data_directory_know_each_other(serving: Serving, tmp_path: Path) -> None:
    async with serving(OFF_LOOPBACK, tmp_path) as endpoint:
        settings = load_settings(None, OFF_LOOPBACK, env={})
        async with connected(endpoint, "controller", service_login("controller", settings, tmp_path)) as link:
            (sample,) = await link.read(["R101.T"])
            assert not sample.is_bad
    assert rejected(tmp_path) == []


async def test_an_unknown_server_is_refused_until_it_is_trusted(serving: Serving, tmp_path: Path) -> None:
    server, service = tmp_path / "server", tmp_path / "service"
    async with serving(OFF_LOOPBACK, server) as endpoint:
        known = login(server, service)
        shown = own_identities(server / "pki")[0]
        advice = rf"BadCertificateUntrusted: .*`cstr-gateway certs trust {shown.thumbprint} --data {service}`"
        with pytest.raises(LinkLost, match=advice):
            async with connected(endpoint, "controller", known):
                pass
        assert [thumbprint(each.certificate) for each in rejected(service)] == [shown.thumbprint]
        trust(service / "pki", find(service / "pki", ("rejected",), shown.thumbprint))
        async with connected(endpoint, "controller", known) as link:
            assert await link.reactors() == ["R101", "R102"]


async def test_a_server_under_another_name_is_refused(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.pki.own.machine_names", lambda: ("plant.example",))
    async with serving(OFF_LOOPBACK, tmp_path) as endpoint:
        settings = load_settings(None, OFF_LOOPBACK, env={})
        with pytest.raises(LinkLost, match=r"BadCertificateHostNameInvalid: .* it is of plant\.example and not of 127"):
            async with connected(endpoint, "controller", service_login("controller", settings, tmp_path)):
                pass
