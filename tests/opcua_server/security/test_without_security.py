"""Without security there is discovery everywhere, and a session only where the settings allow it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from asyncua import ua

from ..conformity.services import T, read
from ..conformity.wire import ANSWER_S, Application, Connection, Session, begin, connected
from ..conftest import Serving
from .applications import MODES, POLICIES, der, trust

OFF_LOOPBACK = {"server.listen": "0.0.0.0", "server.anonymous_roles": ["Observer"]}
ALL = {(policy.URI, mode) for policy in POLICIES for mode in MODES}


async def endpoints(connection: Connection) -> list[ua.EndpointDescription]:
    answer = await asyncio.wait_for(connection.send(ua.GetEndpointsRequest()), ANSWER_S)
    return list(answer.Endpoints)


async def servers(connection: Connection) -> list[ua.ApplicationDescription]:
    answer = await asyncio.wait_for(connection.send(ua.FindServersRequest()), ANSWER_S)
    return list(answer.Servers)


async def test_off_loopback_there_is_discovery_only(serving: Serving, data: Path, known: Application) -> None:
    trust(data / "pki", der(known))
    async with serving(OFF_LOOPBACK) as endpoint:
        connection = await Connection.open(endpoint)
        found = await endpoints(connection)
        assert {(each.SecurityPolicyUri, each.SecurityMode) for each in found} == ALL
        assert [each.ApplicationUri for each in await servers(connection)] == [found[0].Server.ApplicationUri]
        with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
            await Session.create(connection)
        assert len(await endpoints(connection)) == len(ALL)
        async with connected(endpoint, known) as session:
            assert (await read(session, T))[0].StatusCode.is_good()
        await connection.drop()


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
async def test_the_settings_allow_sessions_without_security_or_not(serving: Serving, listen: str) -> None:
    settings = {"server.listen": listen, "server.anonymous_roles": ["Observer"]}
    for is_allowed in (True, False):
        async with serving({**settings, "server.policy_none": is_allowed}) as endpoint:
            connection = await Connection.open(endpoint)
            offered = {(each.SecurityPolicyUri, each.SecurityMode) for each in await endpoints(connection)}
            assert (offered > ALL) == is_allowed
            if is_allowed:
                session = await begin(connection)
                assert (await read(session, T))[0].StatusCode.is_good()
            else:
                with pytest.raises(ua.uaerrors.BadSecurityPolicyRejected):
                    await Session.create(connection)
            await connection.drop()


async def test_every_secret_is_encrypted_and_encryption_comes_first(endpoint: str) -> None:
    connection = await Connection.open(endpoint)
    found = await endpoints(connection)
    await connection.drop()
    for each in found:
        for token in each.UserIdentityTokens:
            is_secret = token.TokenType != ua.UserTokenType.Anonymous
            assert not is_secret or token.SecurityPolicyUri in {policy.URI for policy in POLICIES}
        ids = [token.PolicyId for token in each.UserIdentityTokens]
        assert len(set(ids)) == len(ids)
    levels = {mode: {each.SecurityLevel for each in found if each.SecurityMode == mode} for mode in (1, *MODES)}
    assert levels[1] == {0}
    assert 0 < min(levels[MODES[0]]) <= max(levels[MODES[0]]) < min(levels[MODES[1]])


async def test_without_security_there_is_no_signature(endpoint: str) -> None:
    async with connected(endpoint) as session:
        assert session.created.ServerSignature.Signature is None
        assert session.created.ServerCertificate  # by which passwords are encrypted
