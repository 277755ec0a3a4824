"""Audit of who comes and goes: channels, sessions, logins and certificates, as lines of the trail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

from runtime.rotating_lines import AUDIT

from ..conformity.wire import Connection, begin
from ..conftest import Serving
from .applications import application, der, trust
from .conftest import Trail

CHANNEL, LOGIN = "AuditOpenSecureChannelEventType", "AuditActivateSessionEventType"


@pytest.fixture
async def endpoint(serving: Serving, folder: Path) -> AsyncIterator[str]:
    async with serving(folder=folder) as served:
        yield served


async def some(trail: Trail, kind: str, **wanted: Any) -> dict[str, Any]:
    """Wait for a line of a kind that says what is wanted."""
    async with asyncio.timeout(10):
        while True:
            for line in trail(kind):
                if wanted.items() <= line.items():
                    return line
            await asyncio.sleep(0.02)


async def test_the_life_of_a_session_is_told(endpoint: str, folder: Path, trail: Trail) -> None:
    client = application(folder / "clients", "known")
    trust(folder / "pki", der(client))
    connection = await Connection.open(endpoint, client)
    session = await begin(connection, client)
    channel = connection.channel.security_token.ChannelId
    await some(trail, CHANNEL, message=f"Secure channel {channel} opened (Basic256Sha256, SignAndEncrypt)")
    created = await some(trail, "AuditCreateSessionEventType", session=session.created.SessionId.to_string())
    assert "urn:test:known" in created["message"]
    login = await some(trail, LOGIN, session=session.created.SessionId.to_string())
    assert login["status"] == "Good"
    await session.close()
    ended = await some(trail, "AuditSessionEventType", session=session.created.SessionId.to_string())
    assert ended["source"] == "Session/CloseSession"
    await connection.drop()
    closed = await some(trail, "AuditChannelEventType")
    assert closed["message"].endswith("closed: its connection is gone")


async def test_a_channel_without_security_is_told_as_one(endpoint: str, trail: Trail) -> None:
    connection = await Connection.open(endpoint)
    channel = connection.channel.security_token.ChannelId
    await some(trail, CHANNEL, message=f"Secure channel {channel} opened (without security)")
    await connection.drop()


async def test_a_stranger_is_told_with_the_certificate_and_what_was_wrong_with_it(
    endpoint: str, folder: Path, trail: Trail
) -> None:
    stranger = application(folder / "clients", "stranger")
    with pytest.raises((ConnectionError, asyncio.TimeoutError)):
        await Connection.open(endpoint, stranger)
    refused = await some(trail, "AuditCertificateUntrustedEventType")
    assert refused["status"] == "BadCertificateUntrusted"
    assert (await some(trail, CHANNEL, status="BadSecurityChecksFailed"))["peer"] == "127.0.0.1"


async def test_a_wrong_password_is_told_without_the_password(endpoint: str, folder: Path, trail: Trail) -> None:
    known = application(folder / "clients", "known")
    trust(folder / "pki", der(known))
    assert known.identity is not None
    client = Client(endpoint)
    client.application_uri = known.uri
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        known.identity.certificate,
        known.identity.key,
        mode=ua.MessageSecurityMode.SignAndEncrypt,
    )
    client.set_user("anna")
    client.set_password("not the right one")
    with pytest.raises(ua.UaError):
        async with client:
            pass
    line = await some(trail, LOGIN, status="BadUserAccessDenied")
    assert line["user"] == "anna"
    assert "not the right one" not in (folder / AUDIT).read_text()
