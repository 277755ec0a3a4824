"""Users prove who they are, over the wire: nobody else's proof, no old one, and no secret in plain text."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256, SecurityPolicyNone
from pydantic import SecretStr

from runtime.passwords import hash_password
from runtime.users_file import User, changed_users

from ..conformity.services import SP, T, read, write, write_value
from ..conformity.wire import ANYBODY, Application, Connection, Session
from ..conftest import Serving
from .applications import EACH_MODE, EACH_POLICY, POLICIES, application, by, der, private_key, trust
from .conftest import Dial
from .tokens import user_name

PASSWORDS = {
    "anna": "correct horse",
    "zoë": "smörgås \N{SNOWMAN}",
    "sixty-four": "p" * 64,
    "two hundred": "q" * 200,
}
INVALID, REJECTED = "BadIdentityTokenInvalid", "BadIdentityTokenRejected"


@pytest.fixture(scope="module", autouse=True)
def carla(server_folder: Path) -> Application:
    """A person with a certificate, beside those with passwords; a person is no application."""
    person = application(server_folder / "people", "carla")
    trust(server_folder / "pki" / "users", der(person))
    with changed_users(server_folder / "users.yaml") as users:
        for name, password in PASSWORDS.items():
            users[name] = User(roles=("Observer",), hash=SecretStr(hash_password(password)))
        users["carla"] = User(roles=("Operator",), thumbprint=sha256(der(person)).hexdigest())
    return person


async def created(dial: Dial, client: Application = ANYBODY) -> Session:
    return await Session.create(await dial(client), client)


# ---------------------------------------------------------------- passwords


@EACH_POLICY
async def test_a_password_is_encrypted_by_any_policy_where_the_channel_has_none(dial: Dial, policy: Any) -> None:
    session = await created(dial)
    assert await session.activate(UserIdentityToken=user_name(session, "anna", PASSWORDS["anna"], policy)) == "Good"
    assert (await read(session, T))[0].StatusCode.is_good()
    assert await write(session, write_value(SP, 340.0)) == ["BadUserAccessDenied"]


@EACH_POLICY
@EACH_MODE
async def test_a_password_is_encrypted_by_the_channels_policy(
    dial: Dial, known: Application, policy: Any, mode: ua.MessageSecurityMode
) -> None:
    session = await created(dial, by(known, policy, mode))
    right = user_name(session, "anna", PASSWORDS["anna"], policy)
    for other in (each for each in POLICIES if each is not policy):
        foreign = f"username_{other.URI.rpartition('#')[2].lower()}"
        assert (
            await session.activate(UserIdentityToken=user_name(session, "anna", "x", policy, PolicyId=foreign))
            == INVALID
        )
        if other.AsymmetricEncryptionURI != policy.AsymmetricEncryptionURI:
            wrong = user_name(session, "anna", PASSWORDS["anna"], policy)
            wrong.EncryptionAlgorithm = other.AsymmetricEncryptionURI
            assert await session.activate(UserIdentityToken=wrong) == INVALID
    assert await session.activate(UserIdentityToken=right) == "Good"


@pytest.mark.parametrize("name", PASSWORDS)
async def test_a_password_of_any_length_and_script_logs_in(dial: Dial, known: Application, name: str) -> None:
    session = await created(dial, known)
    assert await session.activate(UserIdentityToken=user_name(session, name, PASSWORDS[name])) == "Good"


@pytest.mark.parametrize("client", ["None", "Sign", "SignAndEncrypt"])
async def test_no_password_is_taken_in_plain_text(dial: Dial, known: Application, client: str) -> None:
    secured = by(known, SecurityPolicyBasic256Sha256, ua.MessageSecurityMode[client]) if client != "None" else ANYBODY
    session = await created(dial, secured)
    for policy_id in (None, "", "username", session.token_policy(ua.UserTokenType.UserName)):
        for algorithm in (None, "", SecurityPolicyNone.URI):
            token = ua.UserNameIdentityToken(policy_id, "anna", PASSWORDS["anna"].encode(), algorithm)
            assert await session.activate(UserIdentityToken=token) == INVALID


async def test_a_proof_is_good_once(dial: Dial, known: Application) -> None:
    session = await created(dial, known)
    token = user_name(session, "anna", PASSWORDS["anna"])
    assert await session.activate(UserIdentityToken=token) == "Good"
    assert await session.activate(UserIdentityToken=token) == INVALID
    assert await session.activate(UserIdentityToken=user_name(session, "anna", PASSWORDS["anna"])) == "Good"


async def test_a_proof_is_good_in_its_own_session(dial: Dial) -> None:
    """Who has overheard a login without security can use it nowhere."""
    overheard = user_name(await created(dial), "anna", PASSWORDS["anna"])
    assert await (await created(dial)).activate(UserIdentityToken=overheard) == INVALID


async def test_what_decrypts_to_nonsense_is_no_password(dial: Dial, known: Application) -> None:
    session = await created(dial, known)
    for octets in (None, b"", b"\0", bytes(255), bytes(256), bytes(512), bytes(256 * 9), bytes(60_000)):
        token = user_name(session, "anna", "x", Password=octets)
        assert await session.activate(UserIdentityToken=token) == INVALID
    token = user_name(session, "anna", b"\xff\xfe")
    assert await session.activate(UserIdentityToken=token) == INVALID


async def test_no_secret_is_logged(dial: Dial, known: Application, said: Callable[[], str]) -> None:
    session = await created(dial, known)
    await session.activate(UserIdentityToken=user_name(session, "bert", "a mistyped secret"))
    await session.activate(UserIdentityToken=user_name(session, "bert", "a mistyped secret", nonce=bytes(32)))
    assert "bert" in said()
    assert "mistyped" not in said()


# ---------------------------------------------------------------- nobody, and other kinds


@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
async def test_who_says_nothing_is_anonymous(dial: Dial, known: Application, is_secured: bool) -> None:
    for token in (None, ua.AnonymousIdentityToken(), ua.AnonymousIdentityToken(PolicyId="anonymous")):
        session = await created(dial, known if is_secured else ANYBODY)
        assert await session.activate(UserIdentityToken=token) == "Good"


async def test_anonymous_is_refused_where_it_is_not_offered(serving: Serving, data: Path, known: Application) -> None:
    trust(data / "pki", der(known))
    async with serving({"server.anonymous_roles": []}) as endpoint:
        for client in (ANYBODY, known):
            connection = await Connection.open(endpoint, client)
            session = await Session.create(connection, client)
            kinds = {token.TokenType for each in session.created.ServerEndpoints for token in each.UserIdentityTokens}
            assert ua.UserTokenType.Anonymous not in kinds
            for token in (None, ua.AnonymousIdentityToken(), ua.AnonymousIdentityToken(PolicyId="anonymous")):
                assert await session.activate(UserIdentityToken=token) == REJECTED
            await connection.drop()


@pytest.mark.parametrize(
    "token",
    [
        ua.IssuedIdentityToken(PolicyId="anonymous", TokenData=b"x"),
        ua.UserIdentityToken(PolicyId="anonymous"),
        ua.ExtensionObject(TypeId=ua.NodeId(4711, 3), Body=b"x"),
        ua.ReadValueId(),
        ua.AnonymousIdentityToken(PolicyId="username_basic256sha256"),
        ua.AnonymousIdentityToken(PolicyId="nobodys"),
    ],
    ids=["issued", "abstract", "unknown", "something else", "policy of another kind", "unknown policy"],
)
async def test_no_other_token_is_taken(dial: Dial, known: Application, token: Any) -> None:
    session = await created(dial, known)
    assert await session.activate(UserIdentityToken=token) == INVALID


# ---------------------------------------------------------------- certificates


def certificate_token(session: Session, person: Application, policy: Any) -> ua.X509IdentityToken:
    policy_id = session.token_policy(ua.UserTokenType.Certificate, uri=policy.URI)
    return ua.X509IdentityToken(PolicyId=policy_id, CertificateData=der(person))


def signed(session: Session, key: Any, policy: Any, nonce: bytes | None = None) -> ua.SignatureData:
    data = session.created.ServerCertificate + (session.nonce if nonce is None else nonce)
    return ua.SignatureData(policy.AsymmetricSignatureURI, policy.sign_asymmetric(key, data))


@EACH_POLICY
@pytest.mark.parametrize("is_secured", [True, False], ids=["secured", "None"])
async def test_a_person_logs_in_by_a_certificate_and_its_key(
    dial: Dial, known: Application, carla: Application, policy: Any, is_secured: bool
) -> None:
    session = await created(dial, by(known, policy) if is_secured else ANYBODY)
    token, signature = certificate_token(session, carla, policy), signed(session, private_key(carla), policy)
    assert await session.activate(UserIdentityToken=token, UserTokenSignature=signature) == "Good"
    assert await write(session, write_value(SP, 340.0)) == ["Good"]
    again = await session.activate(UserIdentityToken=token, UserTokenSignature=signature)
    assert again == "BadUserSignatureInvalid"


@EACH_POLICY
async def test_a_certificate_without_its_key_is_nobodys(
    dial: Dial, known: Application, carla: Application, policy: Any
) -> None:
    session = await created(dial, by(known, policy))
    token, key = certificate_token(session, carla, policy), private_key(carla)
    data = session.created.ServerCertificate + session.nonce
    for wrong in (
        ua.SignatureData(),
        ua.SignatureData(policy.AsymmetricSignatureURI, bytes(256)),
        signed(session, private_key(known), policy),
        signed(session, key, policy, nonce=bytes(32)),
        ua.SignatureData("http://www.w3.org/2000/09/xmldsig#rsa-sha1", uacrypto.sign_sha1(key, data)),
    ):
        refused = await session.activate(UserIdentityToken=token, UserTokenSignature=wrong)
        assert refused == "BadUserSignatureInvalid"


async def test_the_applications_certificate_is_no_persons(dial: Dial, known: Application, server_folder: Path) -> None:
    """Trusted as an application, and here as a person too, but no user's."""
    trust(server_folder / "pki" / "users", der(known))
    session = await created(dial, known)
    policy = SecurityPolicyBasic256Sha256
    token, signature = certificate_token(session, known, policy), signed(session, private_key(known), policy)
    assert await session.activate(UserIdentityToken=token, UserTokenSignature=signature) == REJECTED
