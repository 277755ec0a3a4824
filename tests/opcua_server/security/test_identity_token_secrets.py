"""What a user identity token says, and what makes it say nothing (OPC 10000-4 v1.05 §7.40): pure."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss, SecurityPolicyBasic256Sha256
from cryptography import x509

from opcua_server.security.endpoints import Endpoints
from opcua_server.security.identities import ServerIdentities, ServerIdentity
from opcua_server.security.identity_tokens import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    Anonymous,
    Certificate,
    TokenRefused,
    UserName,
    open_token,
)
from opcua_server.security.policies import NONE, SECURED

from ...runtime.pki.makers import elliptic_key, rsa_key
from .applications import EACH_POLICY, POLICIES, UNKNOWN_CURVE, valid
from .tokens import encrypted, secret

NONCE = bytes(range(32))
INVALID, REJECTED = "BadIdentityTokenInvalid", "BadIdentityTokenRejected"
NO_SIGNATURE = ua.SignatureData()


@pytest.fixture(scope="module")
def identity() -> ServerIdentity:
    """The server's; of 3072 bits, so that a block is not what it usually is."""
    made = valid("server", key=rsa_key("server", 3072))
    return ServerIdentity(made.certificate, made.key)


@pytest.fixture(scope="module")
def person() -> tuple[bytes, Any]:
    """A user's certificate and key."""
    made = valid("person")
    return made.der, made.key


def offered(policy: Any = None, *, with_anonymous: bool = True) -> list[ua.UserTokenPolicy]:
    """Return what is offered at the endpoint of a policy, or at the one without security."""
    endpoints = Endpoints(
        "opc.tcp://plant", "urn:plant", ServerIdentities(tuple), with_none=True, with_anonymous=with_anonymous
    )
    return endpoints.tokens(NONE if policy is None else next(each for each in SECURED if each.policy is policy))


def token_of(identity: ServerIdentity, policy: Any, plain: bytes, **different: Any) -> ua.UserNameIdentityToken:
    """Return a token of which one thing or another may be different."""
    token = ua.UserNameIdentityToken(
        PolicyId=f"username_{policy.URI.rpartition('#')[2].lower()}",
        UserName="anna",
        Password=encrypted(policy, identity.der, plain),
        EncryptionAlgorithm=policy.AsymmetricEncryptionURI,
    )
    for field, value in different.items():
        setattr(token, field, value)
    return token


def opened(
    token: Any,
    identity: ServerIdentity,
    policies: list[ua.UserTokenPolicy] | None = None,
    signature: ua.SignatureData = NO_SIGNATURE,
) -> Any:
    """Return who the token says its user is, or the name of the StatusCode by which it is refused."""
    try:
        return open_token(token, signature, offered() if policies is None else policies, NONE.uri, identity, NONCE)
    except TokenRefused as refused:
        return ua.StatusCode(refused.code).name


# ---------------------------------------------------------------- passwords


@EACH_POLICY
@pytest.mark.parametrize(
    "password",
    ["", "x", "correct horse", "p" * 64, "p" * 200, "p" * LONGEST_PASSWORD, "smörgås \N{SNOWMAN}", "nul \0 inside"],
    ids=["empty", "1", "some", "64", "200", "longest", "not ASCII", "with a zero"],
)
def test_a_password_encrypted_by_the_policy_is_read(identity: ServerIdentity, policy: Any, password: str) -> None:
    token = token_of(identity, policy, secret(password.encode(), NONCE))
    assert opened(token, identity) == UserName("anna", password)
    assert opened(token, identity, offered(policy)) == UserName("anna", password)


def test_a_password_is_not_shown() -> None:
    assert "correct horse" not in repr(UserName("anna", "correct horse"))


@EACH_POLICY
def test_a_password_by_another_policys_algorithm_is_refused(identity: ServerIdentity, policy: Any) -> None:
    plain = secret(b"correct horse", NONCE)
    others = [each for each in POLICIES if each.AsymmetricEncryptionURI != policy.AsymmetricEncryptionURI]
    for other in others:
        wrong = token_of(identity, other, plain, PolicyId=token_of(identity, policy, plain).PolicyId)
        assert opened(wrong, identity) == INVALID
        wrong.EncryptionAlgorithm = policy.AsymmetricEncryptionURI  # and says that it is the policy's
        assert opened(wrong, identity) == INVALID
    for algorithm in (None, "", "http://www.w3.org/2001/04/xmlenc#rsa-1_5", "x" * 10_000):
        assert opened(token_of(identity, policy, plain, EncryptionAlgorithm=algorithm), identity) == INVALID


@EACH_POLICY
def test_a_token_of_a_policy_that_the_endpoint_does_not_offer_is_refused(identity: ServerIdentity, policy: Any) -> None:
    token = token_of(identity, policy, secret(b"correct horse", NONCE))
    for other in (each for each in POLICIES if each is not policy):
        assert opened(token, identity, offered(other)) == INVALID


@pytest.mark.parametrize("algorithm", [None, "", SecurityPolicyBasic256Sha256.AsymmetricEncryptionURI])
def test_a_plain_password_is_refused(identity: ServerIdentity, algorithm: str | None) -> None:
    for plain in (b"correct horse", b"", None, secret(b"correct horse", NONCE)):
        token = token_of(identity, SecurityPolicyBasic256Sha256, b"", Password=plain, EncryptionAlgorithm=algorithm)
        assert opened(token, identity) == INVALID


def length(count: int) -> bytes:
    return struct.pack("<I", count)


SECRETS = {
    "nothing": b"",
    "three bytes": b"abc",
    "no nonce": secret(b"correct horse", b""),
    "an old nonce": secret(b"correct horse", NONCE[::-1]),
    "half a nonce": secret(b"correct horse", NONCE[:16]),
    "a nonce and more": secret(b"correct horse", NONCE + b"x"),
    "the nonce first": secret(NONCE, b"correct horse"),
    "zeros": bytes(60),
    "length 0": length(0) + b"correct horse" + NONCE,
    "length too small": length(31) + b"correct horse" + NONCE,
    "length too large": length(46) + b"correct horse" + NONCE,
    "length without end": length(0xFFFF_FFFF) + b"correct horse" + NONCE,
    "negative length": length(0x8000_0000) + b"correct horse" + NONCE,
    "no UTF-8": secret(b"\xff\xfe\xfd", NONCE),
    "too long": secret(b"p" * (LONGEST_PASSWORD + 1), NONCE),
}


@EACH_POLICY
@pytest.mark.parametrize("plain", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_that_is_not_as_it_should_be_is_refused(identity: ServerIdentity, policy: Any, plain: bytes) -> None:
    assert opened(token_of(identity, policy, plain), identity) == INVALID


@EACH_POLICY
def test_what_cannot_be_decrypted_is_refused(identity: ServerIdentity, policy: Any) -> None:
    chance = random.Random(7)
    right = encrypted(policy, identity.der, secret(b"correct horse", NONCE))
    blocks = [b"\0", right[:-1], right + b"\0", right * 40, bytes(384), b"\xff" * 384]
    blocks += [chance.randbytes(384 * count) for count in (1, 2, 8, 9, 100)]
    for place in (0, 1, 200, 383):
        blocks.append(right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :])
    for wrong in blocks:
        assert opened(token_of(identity, policy, b"", Password=wrong), identity) == INVALID


def test_another_servers_key_decrypts_nothing(identity: ServerIdentity, person: tuple[bytes, Any]) -> None:
    other = ServerIdentity(x509.load_der_x509_certificate(person[0]), person[1])
    token = token_of(other, SecurityPolicyBasic256Sha256, secret(b"correct horse", NONCE))
    assert opened(token, identity) == INVALID


@pytest.mark.parametrize("name", [None, "", "x" * (LONGEST_NAME + 1)], ids=["null", "empty", "long"])
def test_a_user_has_a_name(identity: ServerIdentity, name: str | None) -> None:
    plain = secret(b"correct horse", NONCE)
    assert opened(token_of(identity, SecurityPolicyBasic256Sha256, plain, UserName=name), identity) == INVALID


@pytest.mark.parametrize(
    "policy_id", [None, "", "username", "anonymous", "certificate_basic256sha256", "USERNAME_BASIC256SHA256"]
)
def test_a_token_names_a_policy_of_its_kind(identity: ServerIdentity, policy_id: str | None) -> None:
    token = token_of(identity, SecurityPolicyBasic256Sha256, secret(b"x", NONCE), PolicyId=policy_id)
    assert opened(token, identity) == INVALID


# ---------------------------------------------------------------- anonymous and others


ANONYMOUS = [
    None,
    ua.ExtensionObject(),
    ua.AnonymousIdentityToken(),
    ua.AnonymousIdentityToken(PolicyId=""),
    ua.AnonymousIdentityToken(PolicyId="anonymous"),
]


@pytest.mark.parametrize("token", ANONYMOUS, ids=["none", "null", "no policy", "empty policy", "policy"])
def test_no_token_is_an_anonymous_one_where_that_is_offered(identity: ServerIdentity, token: Any) -> None:
    assert opened(token, identity) == Anonymous()
    assert opened(token, identity, offered(with_anonymous=False)) == REJECTED


def test_an_anonymous_token_names_no_other_policy(identity: ServerIdentity) -> None:
    wrong = ua.AnonymousIdentityToken(PolicyId="username_basic256sha256")
    assert opened(wrong, identity) == INVALID


@pytest.mark.parametrize(
    "token",
    [
        ua.IssuedIdentityToken(PolicyId="issued", TokenData=b"x"),
        ua.UserIdentityToken(PolicyId="anonymous"),
        ua.ExtensionObject(TypeId=ua.NodeId(1), Body=b"x"),
        ua.ReadValueId(),
    ],
    ids=lambda token: type(token).__name__,
)
def test_a_token_of_a_kind_that_is_not_offered_is_refused(identity: ServerIdentity, token: Any) -> None:
    assert opened(token, identity) == INVALID


# ---------------------------------------------------------------- certificates


def x509_token(person: tuple[bytes, Any], policy: Any) -> ua.X509IdentityToken:
    name = f"certificate_{policy.URI.rpartition('#')[2].lower()}"
    return ua.X509IdentityToken(PolicyId=name, CertificateData=person[0])


def signed(policy: Any, key: Any, data: bytes) -> ua.SignatureData:
    return ua.SignatureData(policy.AsymmetricSignatureURI, policy.sign_asymmetric(key, data))


@EACH_POLICY
def test_who_signs_with_the_key_of_a_certificate_holds_it(
    identity: ServerIdentity, person: tuple[bytes, Any], policy: Any
) -> None:
    token, right = x509_token(person, policy), signed(policy, person[1], identity.der + NONCE)
    assert opened(token, identity, signature=right) == Certificate(person[0], person[0])
    assert opened(token, identity, offered(policy), right) == Certificate(person[0], person[0])


@EACH_POLICY
def test_a_signature_that_is_not_as_it_should_be_is_refused(
    identity: ServerIdentity, person: tuple[bytes, Any], policy: Any
) -> None:
    certificate, key = person
    data = identity.der + NONCE
    right = signed(policy, key, data)
    other = next(each for each in POLICIES if each.AsymmetricSignatureURI != policy.AsymmetricSignatureURI)
    for wrong in (
        ua.SignatureData(),
        ua.SignatureData(right.Algorithm, None),
        ua.SignatureData(right.Algorithm, b""),
        ua.SignatureData(None, right.Signature),
        ua.SignatureData(right.Algorithm, right.Signature[:-1]),
        ua.SignatureData(right.Algorithm, bytes(256)),
        ua.SignatureData(other.AsymmetricSignatureURI, right.Signature),
        signed(other, key, data),
        ua.SignatureData("http://www.w3.org/2000/09/xmldsig#rsa-sha1", uacrypto.sign_sha1(key, data)),
        ua.SignatureData(right.Algorithm, uacrypto.sign_sha1(key, data)),
        signed(policy, key, identity.der + NONCE[::-1]),
        signed(policy, key, identity.der),
        signed(policy, key, certificate + NONCE),
        signed(policy, identity.key, data),
    ):
        assert opened(x509_token(person, policy), identity, signature=wrong) == "BadUserSignatureInvalid"


UNUSABLE = {
    "nothing": None,
    "empty": b"",
    "noise": bytes(range(256)) * 4,
    "zeros": b"\x30\x82\x04\x00" + bytes(1024),
}


@pytest.mark.parametrize("octets", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_certificate_is_refused(
    identity: ServerIdentity, person: tuple[bytes, Any], octets: bytes | None
) -> None:
    token = x509_token(person, SecurityPolicyAes256Sha256RsaPss)
    token.CertificateData = octets
    assert opened(token, identity) == INVALID


def test_a_certificate_of_a_key_that_no_policy_allows_is_refused(identity: ServerIdentity) -> None:
    curve = elliptic_key()
    for key in (curve, rsa_key("weak", 1024)):
        token = x509_token((valid("person", key=key).der, key), SecurityPolicyBasic256Sha256)
        assert opened(token, identity) == INVALID
    unknown = valid("person", key=curve).der.replace(*UNKNOWN_CURVE)
    assert opened(x509_token((unknown, curve), SecurityPolicyBasic256Sha256), identity) == INVALID
