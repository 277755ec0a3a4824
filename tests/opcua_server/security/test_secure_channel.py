"""Secure channels: who gets one, by which policy and mode, and for how long (OPC 10000-4 v1.05 §5.6.2)."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic128Rsa15,
    SecurityPolicyBasic256,
    SecurityPolicyBasic256Sha256,
)
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa

from ...runtime.pki.makers import elliptic_key, rsa_key
from ..conformity.services import (
    SP,
    T,
    monitor,
    put,
    read,
    subscribe,
    values,
)
from ..conformity.wire import ANYBODY, Application, Connection, begin, certificate_of, connected
from .applications import EACH_MODE, EACH_POLICY, UNKNOWN_CURVE, by, der, private_key, valid
from .conftest import Dial

ISSUE, RENEW = ua.SecurityTokenRequestType.Issue, ua.SecurityTokenRequestType.Renew
NONE, SIGN, ENCRYPT = ua.MessageSecurityMode.None_, ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt
SHORTEST_S = 10.0
GRACE = 1.25
"""How much longer than its lifetime a token is taken."""


async def refusal(connection: Connection, *request: Any, **different: Any) -> str:
    """Ask for a channel, or a renewal, which must be refused; return the error that is told."""
    with pytest.raises(ConnectionError):
        await connection.open_channel(*request, **different)
    await connection.lost()
    return connection.error


async def reach(endpoint: str, client: Application) -> Connection:
    """Return a connection whose channel is still to be opened."""
    return await Connection.reach(endpoint, await client.security(await certificate_of(endpoint)))


# ---------------------------------------------------------------- policies and modes


@EACH_POLICY
@EACH_MODE
async def test_each_policy_and_mode_carries_a_session_and_is_renewed(
    endpoint: str, known: Application, policy: Any, mode: ua.MessageSecurityMode
) -> None:
    async with connected(endpoint, by(known, policy, mode)) as session:
        await put(session, SP, 320.0)
        await monitor(session, (await subscribe(session)).SubscriptionId, SP)
        for setpoint in (321.0, 322.0):
            await session.connection.open_channel(RENEW)
            assert (await read(session, SP))[0].StatusCode.is_good()
            session.connection.channel.revolve_tokens()
            await put(session, SP, setpoint)
        assert (await values(session))[-1] == 322.0


@pytest.mark.parametrize(
    "policy", [SecurityPolicyBasic128Rsa15, SecurityPolicyBasic256], ids=lambda each: each.__name__
)
async def test_deprecated_policies_are_refused(endpoint: str, known: Application, policy: Any) -> None:
    connection = await reach(endpoint, by(known, policy))
    assert await refusal(connection) == "BadSecurityPolicyRejected"


async def test_an_unknown_policy_is_refused(endpoint: str, known: Application) -> None:
    connection = await reach(endpoint, known)
    connection.policy.URI = "http://opcfoundation.org/UA/SecurityPolicy#Rot13"
    assert await refusal(connection) == "BadSecurityPolicyRejected"


@pytest.mark.parametrize("mode", [NONE, 0, 4, 0x7FFF_FFFF], ids=["None", "Invalid", "4", "many"])
async def test_a_policy_is_refused_in_a_mode_that_it_does_not_have(
    endpoint: str, known: Application, mode: Any
) -> None:
    assert await refusal(await reach(endpoint, known), SecurityMode=mode) == "BadSecurityModeRejected"


async def test_no_security_has_no_mode_but_its_own(endpoint: str) -> None:
    connection = await Connection.reach(endpoint, await ANYBODY.security(b""))
    assert await refusal(connection, SecurityMode=SIGN) == "BadSecurityModeRejected"


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize("thumbprint_of", [b"a certificate that the server never had", b""], ids=["unknown", "none"])
async def test_a_certificate_that_is_not_the_servers_is_refused(
    endpoint: str, known: Application, thumbprint_of: bytes
) -> None:
    connection = await reach(endpoint, known)
    connection.policy.peer_certificate = thumbprint_of
    assert await refusal(connection) == "BadCertificateInvalid"


class LongKey:
    """An RSA key of 8192 bits, which would take long to make, and nobody signs with."""

    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(65537, (1 << 8191) + 1).public_key()


UNUSABLE_KEYS = {
    "RSA of 1024 bits": rsa_key("weak", 1024),
    "RSA of 8192 bits": LongKey(),
    "elliptic curve": elliptic_key(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "DSA": dsa.generate_private_key(1024),
}


@pytest.mark.parametrize("key", UNUSABLE_KEYS.values(), ids=UNUSABLE_KEYS.keys())
async def test_a_key_that_no_policy_allows_is_refused(endpoint: str, known: Application, key: Any) -> None:
    connection = await reach(endpoint, known)
    connection.policy.host_certificate = valid("unusable", key=key, signer=private_key(known)).der
    assert await refusal(connection) == "BadCertificatePolicyCheckFailed"


async def test_a_key_that_nobody_knows_is_refused(endpoint: str, known: Application) -> None:
    connection = await reach(endpoint, known)
    curve = valid("unusable", key=elliptic_key()).der
    connection.policy.host_certificate = curve.replace(*UNKNOWN_CURVE)
    assert await refusal(connection) == "BadCertificateInvalid"


async def test_a_client_may_send_its_issuers_certificate_too(endpoint: str, known: Application) -> None:
    connection = await reach(endpoint, known)
    connection.policy.host_certificate_chain = [der(known)]
    await connection.open_channel()
    await connection.open_channel(RENEW)
    connection.channel.revolve_tokens()
    session = await begin(connection, known)
    assert (await read(session, T))[0].StatusCode.is_good()
    await session.close()
    await connection.drop()


async def test_the_key_of_the_certificate_must_have_signed(
    endpoint: str, known: Application, other: Application
) -> None:
    connection = await reach(endpoint, known)
    connection.policy.host_certificate = der(other)
    assert await refusal(connection) == "BadSecurityChecksFailed"


# ---------------------------------------------------------------- nonces, opening and renewing


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
async def test_a_nonce_has_the_length_of_the_policy(endpoint: str, known: Application, size: int) -> None:
    assert await refusal(await reach(endpoint, known), ClientNonce=bytes(size)) == "BadNonceInvalid"


async def test_a_nonce_is_used_once(dial: Dial, known: Application) -> None:
    connection = await dial(known)
    nonce = connection.channel.local_nonce
    assert await refusal(connection, RENEW, ClientNonce=nonce) == "BadNonceInvalid"


async def test_the_servers_nonces_are_random(dial: Dial, known: Application) -> None:
    connection = await dial(known)
    nonces = {bytes(connection.channel.remote_nonce)}  # type: ignore[arg-type] - of an open channel it is no int
    for _ in range(2):
        nonces.add((await connection.open_channel(RENEW)).ServerNonce)
    assert [len(each) for each in nonces] == [32] * 3


@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
async def test_there_is_nothing_to_renew_before_a_channel_is_open(
    endpoint: str, known: Application, is_secured: bool
) -> None:
    assert await refusal(await reach(endpoint, known if is_secured else ANYBODY), RENEW) == "BadRequestTypeInvalid"


@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
@pytest.mark.parametrize("request_type", [ISSUE, 2], ids=["Issue", "2"])
async def test_an_open_channel_is_renewed_only(
    dial: Dial, known: Application, is_secured: bool, request_type: Any
) -> None:
    connection = await dial(known if is_secured else ANYBODY)
    assert await refusal(connection, request_type) == "BadRequestTypeInvalid"


async def test_a_channel_is_renewed_in_its_own_mode(dial: Dial, known: Application) -> None:
    assert await refusal(await dial(known), RENEW, SecurityMode=SIGN) == "BadSecurityModeRejected"


@pytest.mark.parametrize("is_other", [True, False], ids=["certificate", "policy"])
async def test_a_channel_is_renewed_by_its_own_certificate_and_policy(
    endpoint: str, dial: Dial, known: Application, other: Application, is_other: bool
) -> None:
    connection = await dial(known)
    client = other if is_other else by(known, SecurityPolicyAes256Sha256RsaPss)
    connection.channel.security_policy = await client.security(await certificate_of(endpoint))
    assert await refusal(connection, RENEW) == "BadSecurityChecksFailed"


async def test_a_channel_is_renewed_over_its_own_connection(dial: Dial, known: Application) -> None:
    connection, another = await dial(known), await dial(known)
    connection.channel.security_token.ChannelId = another.channel.security_token.ChannelId
    assert await refusal(connection, RENEW) == "BadTcpSecureChannelUnknown"
    session = await begin(another, known)
    assert (await read(session, T))[0].StatusCode.is_good()


async def test_a_new_channel_has_no_number_yet(endpoint: str, known: Application) -> None:
    connection = await reach(endpoint, known)
    connection.channel.security_token.ChannelId = 1
    assert await refusal(connection) == "BadTcpSecureChannelUnknown"


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("asked_ms", [0, 1, 10_000, 60_000, 3_600_000, 0xFFFF_FFFF])
async def test_a_lifetime_is_revised(endpoint: str, known: Application, asked_ms: int) -> None:
    connection = await reach(endpoint, known)
    token = (await connection.open_channel(RequestedLifetime=asked_ms)).SecurityToken
    assert token.RevisedLifetime == min(max(asked_ms or 3_600_000, 10_000), 3_600_000)
    assert token.ChannelId
    assert token.TokenId
    await connection.drop()


async def test_a_channels_tokens_differ(dial: Dial, known: Application) -> None:
    connection = await dial(known)
    first = connection.channel.security_token
    second = (await connection.open_channel(RENEW)).SecurityToken
    third = (await connection.open_channel(RENEW)).SecurityToken
    assert len({each.TokenId for each in (first, second, third)}) == 3
    assert {each.ChannelId for each in (first, second, third)} == {first.ChannelId}


async def test_channels_are_numbered_anew(dial: Dial, known: Application) -> None:
    connections = [await dial(client) for client in (known, ANYBODY, known)]
    assert len({each.channel.security_token.ChannelId for each in connections}) == 3


class KeySet:
    """The token and keys of a channel as they are now, to be used once they are replaced."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token = connection.channel.security_token
        self._crypto = copy.copy(connection.policy.symmetric_cryptography)

    def use(self, token: Any = None) -> None:
        self._connection.channel.security_token = token or self._token
        self._connection.policy.symmetric_cryptography = self._crypto


@EACH_MODE
async def test_an_old_token_is_not_taken_after_the_new_one_was_used(
    dial: Dial, known: Application, mode: ua.MessageSecurityMode
) -> None:
    """OPC 10000-6 v1.05 §6.7.4: until then it is."""
    session = await begin(await dial(by(known, SecurityPolicyBasic256Sha256, mode)), known)
    connection = session.connection
    old = KeySet(connection)
    await connection.open_channel(RENEW)
    assert (await read(session, T))[0].StatusCode.is_good()
    connection.channel.revolve_tokens()
    assert (await read(session, T))[0].StatusCode.is_good()
    old.use()
    with pytest.raises(ConnectionError):
        await read(session, T)
    assert connection.error == "BadSecureChannelTokenUnknown"


@EACH_MODE
async def test_the_old_keys_are_not_taken_in_the_new_tokens_name(
    dial: Dial, known: Application, mode: ua.MessageSecurityMode
) -> None:
    session = await begin(await dial(by(known, SecurityPolicyBasic256Sha256, mode)), known)
    connection = session.connection
    old = KeySet(connection)
    await connection.open_channel(RENEW)
    connection.channel.revolve_tokens()
    assert (await read(session, T))[0].StatusCode.is_good()
    old.use(connection.channel.security_token)
    with pytest.raises(ConnectionError):
        await read(session, T)
    assert connection.error == "BadSecurityChecksFailed"


async def test_a_token_ends_with_its_lifetime_whether_or_not_another_was_issued(
    endpoint: str, known: Application
) -> None:
    sessions = []
    for _ in range(3):
        connection = await reach(endpoint, known)
        await connection.open_channel(RequestedLifetime=1)
        sessions.append(await begin(connection, known))
    forgotten, renewed, clinging = sessions
    await asyncio.sleep(0.8 * SHORTEST_S)
    for session in (renewed, clinging):
        await session.connection.open_channel(RENEW, RequestedLifetime=1)
        assert (await read(session, T))[0].StatusCode.is_good()
    renewed.connection.channel.revolve_tokens()
    assert (await read(renewed, T))[0].StatusCode.is_good()
    await asyncio.sleep((GRACE - 0.8) * SHORTEST_S + 0.5)
    assert (await read(renewed, T))[0].StatusCode.is_good()
    with pytest.raises(ConnectionError):
        await read(clinging, T)
    await forgotten.connection.lost()
    assert [each.connection.error for each in (forgotten, clinging)] == ["BadSecureChannelTokenUnknown"] * 2
    assert await forgotten.activate(renewed.connection) == "Good"  # the session outlives its channel
    for session in sessions:
        await session.connection.drop()
