"""Sessions belong to the application that created them, and to one channel at a time (OPC 10000-4 v1.05 §5.7)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256
from asyncua.ua.ua_binary import struct_to_binary
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from runtime.running import secret as stored

from ..conformity.services import SP, T, read_request, rvid, service_result, write, write_value
from ..conformity.wire import ANSWER_S, ANYBODY, Application, Connection, Session, begin
from .applications import EACH_POLICY, by, der, private_key, valid
from .conftest import Dial
from .tokens import user_name

SHA1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
VERIFY = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": uacrypto.verify_sha256,
    "http://opcfoundation.org/UA/security/rsa-pss-sha2-256": uacrypto.verify_pss_sha256,
}
READ = read_request(rvid(T))


async def used(session: Session, connection: Connection | None = None) -> str:
    """Return how a Read is answered, over another connection if one is given."""
    return await service_result((connection or session.connection).send(READ, session.token))


# ---------------------------------------------------------------- CreateSession


async def test_a_session_is_created_with_the_channels_certificate(
    dial: Dial, known: Application, other: Application
) -> None:
    connection = await dial(known)
    for wrong in (der(other), None, b"", der(known)[:-1], der(other) + der(known)):
        with pytest.raises(ua.uaerrors.BadSecurityChecksFailed):
            await Session.create(connection, known, ClientCertificate=wrong)
    session = await Session.create(connection, known, ClientCertificate=der(known) + der(other))
    assert await session.activate() == "Good"  # with its issuers' behind it


async def test_a_session_is_created_by_the_application_that_the_certificate_names(
    dial: Dial, known: Application, other: Application
) -> None:
    connection = await dial(known)
    for uri in (other.uri, "", None, known.uri.upper(), f"{known.uri} "):
        with pytest.raises(ua.uaerrors.BadCertificateUriInvalid):
            await Session.create(connection, known, ClientDescription=ua.ApplicationDescription(ApplicationUri=uri))


@pytest.mark.parametrize("size", [0, 1, 31, 129])
async def test_a_clients_nonce_has_32_to_128_bytes(dial: Dial, known: Application, size: int) -> None:
    connection = await dial(known)
    with pytest.raises(ua.uaerrors.BadNonceInvalid):
        await Session.create(connection, known, ClientNonce=bytes(size))
    for allowed in (32, 128):
        await Session.create(connection, known, ClientNonce=bytes(allowed))


@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
async def test_a_session_is_created_on_the_server_that_was_meant(
    dial: Dial, known: Application, is_secured: bool
) -> None:
    client = known if is_secured else ANYBODY
    connection = await dial(client)
    with pytest.raises(ua.uaerrors.BadServerUriInvalid):
        await Session.create(connection, client, ServerUri="urn:another:server")
    uri = (await Session.create(connection, client)).created.ServerEndpoints[0].Server.ApplicationUri
    assert await (await Session.create(connection, client, ServerUri=uri)).activate() == "Good"


@EACH_POLICY
async def test_the_server_proves_that_it_has_its_key(dial: Dial, known: Application, policy: Any) -> None:
    connection = await dial(by(known, policy))
    nonce = bytes(range(64))
    created = (await Session.create(connection, known, ClientNonce=nonce)).created
    assert created.ServerCertificate == connection.policy.peer_certificate
    assert created.ServerSignature.Algorithm == policy.AsymmetricSignatureURI
    verify = VERIFY[policy.AsymmetricSignatureURI]
    certificate = x509.load_der_x509_certificate(created.ServerCertificate)
    verify(certificate, der(known) + nonce, created.ServerSignature.Signature)
    with pytest.raises(InvalidSignature):
        verify(certificate, der(known) + nonce[:-1], created.ServerSignature.Signature)


async def test_ids_tokens_and_nonces_are_random(dial: Dial, known: Application) -> None:
    connection = await dial(known)
    created = [(await Session.create(connection, known)).created for _ in range(5)]
    assert len({each.SessionId.Identifier for each in created}) == 5
    assert len({each.AuthenticationToken.Identifier for each in created}) == 5
    assert len({each.ServerNonce for each in created}) == 5
    assert {len(each.AuthenticationToken.Identifier) for each in created} == {32}
    assert {len(each.ServerNonce) for each in created} == {32}
    assert {each.SessionId.NodeIdType for each in created} == {ua.NodeIdType.Guid}


# ---------------------------------------------------------------- the client's signature


@EACH_POLICY
async def test_a_session_is_activated_by_the_key_of_its_certificate(
    dial: Dial, known: Application, other: Application, policy: Any
) -> None:
    session = await Session.create(await dial(by(known, policy)), known)
    data, algorithm = session.created.ServerCertificate + session.nonce, policy.AsymmetricSignatureURI
    own, others = private_key(known), private_key(other)
    others_algorithm = next(uri for uri in VERIFY if uri != algorithm)
    right = policy.sign_asymmetric(own, data)
    for wrong in (
        ua.SignatureData(),
        ua.SignatureData(Algorithm=algorithm),
        ua.SignatureData(Signature=right),
        ua.SignatureData(algorithm, b""),
        ua.SignatureData(algorithm, bytes(256)),
        ua.SignatureData(algorithm, right[:-1]),
        ua.SignatureData(others_algorithm, right),
        ua.SignatureData(SHA1, uacrypto.sign_sha1(own, data)),
        ua.SignatureData(algorithm, policy.sign_asymmetric(others, data)),
        ua.SignatureData(algorithm, policy.sign_asymmetric(own, session.nonce)),
        ua.SignatureData(algorithm, policy.sign_asymmetric(own, session.created.ServerCertificate + bytes(32))),
    ):
        assert await session.activate(ClientSignature=wrong) == "BadApplicationSignatureInvalid"
    assert await session.activate(ClientSignature=ua.SignatureData(algorithm, right)) == "Good"
    assert (
        await session.activate(ClientSignature=ua.SignatureData(algorithm, right)) == "BadApplicationSignatureInvalid"
    )
    assert await used(session) == "Good"


async def test_each_activation_gives_a_nonce_of_its_own(dial: Dial, known: Application) -> None:
    session = await Session.create(await dial(known), known)
    nonces = {session.nonce}
    for _ in range(3):
        assert await session.activate() == "Good"
        nonces.add(session.nonce)
    assert [len(each) for each in nonces] == [32] * 4


# ---------------------------------------------------------------- channels


async def test_a_session_is_first_activated_on_the_channel_that_created_it(dial: Dial, known: Application) -> None:
    session = await Session.create(await dial(known), known)
    assert await session.activate(await dial(known)) == "BadSecureChannelIdInvalid"
    assert await session.activate() == "Good"


async def test_a_session_moves_with_its_application(dial: Dial, known: Application) -> None:
    old, new = await dial(known), await dial(known)
    session = await begin(old, known)
    assert await session.activate(new) == "Good"
    assert await used(session) == "Good"
    assert await used(session, old) == "BadSessionIdInvalid"
    assert await session.activate(old) == "Good"
    assert await used(session, new) == "BadSessionIdInvalid"


async def test_a_session_moves_to_no_other_certificate_policy_or_mode(
    dial: Dial, known: Application, other: Application
) -> None:
    session = await begin(await dial(known), known)
    for client in (
        other,
        by(known, SecurityPolicyAes256Sha256RsaPss),
        by(known, SecurityPolicyBasic256Sha256, ua.MessageSecurityMode.Sign),
        ANYBODY,
    ):
        connection = await dial(client)
        refused = await session.activate(connection, UserIdentityToken=None)
        assert refused == "BadSecurityChecksFailed"
        assert await used(session, connection) == "BadSessionIdInvalid"
    assert await used(session) == "Good"


async def test_a_session_without_security_moves_to_no_channel_with_it(dial: Dial, known: Application) -> None:
    session = await begin(await dial())
    assert await session.activate(await dial(known), UserIdentityToken=None) == "BadSecurityChecksFailed"
    assert await used(session) == "Good"


@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
async def test_a_session_moves_with_its_user_only(
    dial: Dial, known: Application, server_folder: Path, is_secured: bool
) -> None:
    client = known if is_secured else ANYBODY
    password = stored(server_folder / "secrets" / "detector")
    session = await begin(await dial(client), client)
    new = await dial(client)
    token = user_name(session, "detector", password)
    assert await session.activate(new, UserIdentityToken=token) == "BadIdentityChangeNotSupported"
    assert await used(session) == "Good"
    assert await session.activate(UserIdentityToken=user_name(session, "detector", password)) == "Good"
    assert await session.activate(new) == "BadIdentityChangeNotSupported"
    assert await session.activate(new, UserIdentityToken=user_name(session, "detector", password)) == "Good"
    assert await used(session) == "Good"


async def test_another_user_on_the_same_channel_has_other_roles(
    dial: Dial, known: Application, server_folder: Path
) -> None:
    password = stored(server_folder / "secrets" / "detector")
    session = await begin(await dial(known), known)
    assert await write(session, write_value(SP, 340.0)) == ["Good"]
    assert await session.activate(UserIdentityToken=user_name(session, "detector", password)) == "Good"
    assert await write(session, write_value(SP, 341.0)) == ["BadUserAccessDenied"]
    assert await session.activate() == "Good"
    assert await write(session, write_value(SP, 342.0)) == ["Good"]


async def test_a_refused_login_leaves_the_session_and_its_user(
    dial: Dial, known: Application, server_folder: Path
) -> None:
    """Whoever mistypes a password types it again, over the nonce that the client was given last."""
    password = stored(server_folder / "secrets" / "detector")
    session = await begin(await dial(known), known)
    refused = await session.activate(UserIdentityToken=user_name(session, "detector", "wrong"))
    assert refused == "BadUserAccessDenied"
    assert await write(session, write_value(SP, 340.0)) == ["Good"]
    assert await session.activate(UserIdentityToken=user_name(session, "detector", password)) == "Good"


async def test_a_first_login_that_is_refused_can_be_tried_again_and_opens_nothing(
    dial: Dial, known: Application, server_folder: Path
) -> None:
    session = await Session.create(await dial(known), known)
    refused = await session.activate(UserIdentityToken=user_name(session, "detector", "wrong"))
    assert refused == "BadUserAccessDenied"
    password = stored(server_folder / "secrets" / "detector")
    assert await session.activate(UserIdentityToken=user_name(session, "detector", password)) == "Good"
    another = await Session.create(session.connection, known)
    await another.activate(UserIdentityToken=user_name(another, "detector", "wrong"))
    assert await used(another) == "BadSessionNotActivated"


# ---------------------------------------------------------------- who is not activated, who guesses, who closes


async def test_a_service_before_activation_ends_the_session(dial: Dial, known: Application) -> None:
    """§5.7.3.1."""
    session = await Session.create(await dial(known), known)
    assert await used(session) == "BadSessionNotActivated"
    assert await used(session) == "BadSessionIdInvalid"
    assert await session.activate() == "BadSessionIdInvalid"


async def test_a_session_that_was_never_activated_can_be_closed(dial: Dial, known: Application) -> None:
    session = await Session.create(await dial(known), known)
    await session.close()
    assert await session.activate() == "BadSessionIdInvalid"


@pytest.mark.parametrize("is_own_channel", [True, False], ids=["its channel", "another"])
async def test_a_guessed_token_gets_nothing(dial: Dial, known: Application, is_own_channel: bool) -> None:
    session = await begin(await dial(known), known)
    connection = session.connection if is_own_channel else await dial(known)
    right = session.token.Identifier
    guesses = [
        ua.NodeId(ua.ByteString(bytes([right[0] ^ 1]) + right[1:]), ua.Int16(0)),
        ua.NodeId(ua.ByteString(right[:-1]), ua.Int16(0)),
        ua.NodeId(ua.ByteString(right + b"\0"), ua.Int16(0)),
        ua.NodeId(ua.ByteString(right), ua.Int16(1)),
        session.created.SessionId,
        ua.NodeId(),
    ]
    for token in guesses:
        for request in (READ, session.activation(connection), ua.CloseSessionRequest(DeleteSubscriptions=True)):
            assert await service_result(connection.send(request, token)) == "BadSessionIdInvalid"
    assert await used(session) == "Good"


async def test_a_session_is_closed_over_its_own_channel_only(dial: Dial, known: Application) -> None:
    session = await begin(await dial(known), known)
    waiting = await Session.create(session.connection, known)
    stranger = await dial(known)
    for each in (session, waiting):
        request = ua.CloseSessionRequest(DeleteSubscriptions=True)
        assert await service_result(stranger.send(request, each.token)) == "BadSessionIdInvalid"
    assert await used(session) == "Good"
    assert await waiting.activate() == "Good"


async def test_closing_a_session_leaves_the_others_of_its_channel(dial: Dial, known: Application) -> None:
    connection = await dial(known)
    first, second = [await begin(connection, known) for _ in range(2)]
    await first.close()
    assert await used(first) == "BadSessionIdInvalid"
    assert await used(second) == "Good"
    assert await (await Session.create(connection, known)).activate() == "Good"


@pytest.mark.parametrize(
    "request_",
    [ua.CreateSessionRequest(), ua.ActivateSessionRequest(), ua.CloseSessionRequest(), ua.GetEndpointsRequest()],
    ids=lambda request: type(request).__name__,
)
async def test_a_request_that_is_cut_off_is_refused_as_such(dial: Dial, known: Application, request_: Any) -> None:
    session = await begin(await dial(known), known)
    connection = session.connection
    request_.RequestHeader.AuthenticationToken = session.token
    body = struct_to_binary(request_)
    answer = connection._expect(4711, ua.ServiceFault)
    connection._writer.write(connection.channel.message_to_binary(body[:-1], request_id=4711))
    assert await service_result(answer) == "BadDecodingError"
    assert await used(session) == "Good"


async def test_a_certificate_of_the_same_name_is_another(dial: Dial, known: Application) -> None:
    impostor = valid("known", key=private_key(known)).der
    connection = await dial(known)
    with pytest.raises(ua.uaerrors.BadSecurityChecksFailed):
        await Session.create(connection, known, ClientCertificate=impostor)


async def test_requests_behind_an_activation_wait_for_it(dial: Dial, known: Application) -> None:
    session = await Session.create(await dial(known), known)
    activated = session.connection.send(session.activation(session.connection), session.token)
    answered = session.send(READ)
    results = await asyncio.wait_for(asyncio.gather(activated, answered), ANSWER_S)
    assert [each.ResponseHeader.ServiceResult.name for each in results] == ["Good", "Good"]
