"""Which client applications get a channel, and which people log in, by their certificates; each refusal has its code.

OPC 10000-4 v1.05 §6.1.3. What makes somebody a stranger is not told to them (OPC 10000-6 v1.05 §6.7.7).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typer.testing import CliRunner

from gateway.cli import make_app
from runtime.pki.store import der as der_of
from runtime.pki.store import thumbprint
from runtime.users_file import User, changed_users

from ...runtime.pki.makers import Made, make_ca, make_crl, rsa_key
from ..conformity.services import T, read, read_request, rvid
from ..conformity.wire import ANYBODY, Application, Connection, Session, begin, certificate_of
from .applications import DAY, NOW, VALID, application, der, private_key, trust, valid
from .conftest import Dial

RENEW = ua.SecurityTokenRequestType.Renew
ENDS_S = 10.0
"""The server looks every second."""
STRANGER = "BadSecurityChecksFailed"
CRL = {"begins": NOW - DAY, "ends": NOW + DAY}
CA, UNKNOWN_CA, MUTE_CA = (make_ca(name, **VALID) for name in ("CA", "unknown CA", "CA without CRL"))
EXPIRED = {"begins": NOW - 2 * DAY, "ends": NOW - timedelta(minutes=1)}
REVOKED = valid("revoked", CA)
STOPGAP = make_ca("expired CA", **EXPIRED)


def certs(data: Path, *words: str) -> None:
    result = CliRunner().invoke(make_app(), ["certs", *words, "--data", str(data)])
    assert result.exception is None, result.exception


def put_crl(pki: Path, issuer: Made, *revoked: Made) -> None:
    folder = pki / "trusted" / "crl"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{thumbprint(issuer.certificate)}.crl").write_bytes(der_of(make_crl(issuer, *revoked, **CRL)))


@pytest.fixture(scope="module", autouse=True)
def pki(server_folder: Path) -> Path:
    """The server's store, in which CAs are trusted that have issued applications, and people."""
    for store in (server_folder / "pki", server_folder / "pki" / "users"):
        for ca in (CA, MUTE_CA, STOPGAP):
            trust(store, ca.der)
        put_crl(store, CA, REVOKED)
        put_crl(store, STOPGAP)
    return server_folder / "pki"


def rejected(pki: Path) -> set[str]:
    """Return the thumbprints of what is kept as rejected."""
    return {path.stem.rpartition("-")[2] for path in (pki / "rejected" / "certs").glob("*.der")}


async def refusal(endpoint: str, made: Made, folder: Path) -> str:
    """Ask for a channel; return the error, or nothing."""
    client = application(folder, "client", made)
    connection = await Connection.reach(endpoint, await client.security(await certificate_of(endpoint)))
    try:
        await connection.open_channel()
    except ConnectionError:
        await connection.lost()
    finally:
        await connection.drop()
    return connection.error


# ---------------------------------------------------------------- applications


CLIENTS: dict[str, tuple[Made, str]] = {
    "issued by a trusted CA": (valid("issued", CA), ""),
    "unknown": (valid("unknown"), STRANGER),
    "unknown and expired": (valid("unknown and expired", **EXPIRED), STRANGER),
    "issued by a CA that is not here": (valid("orphan", UNKNOWN_CA), STRANGER),
    "not signed by whom it names": (valid("forged", CA, signer=rsa_key("forger")), STRANGER),
    "expired": (valid("expired", CA, **EXPIRED), "BadCertificateTimeInvalid"),
    "not valid yet": (valid("early", CA, begins=NOW + DAY / 2), "BadCertificateTimeInvalid"),
    "of a CA that has expired": (valid("stale", STOPGAP), "BadCertificateIssuerTimeInvalid"),
    "revoked": (REVOKED, "BadCertificateRevoked"),
    "of a CA without a CRL": (valid("unchecked", MUTE_CA), "BadCertificateRevocationUnknown"),
    "for signing only": (valid("signer", CA, usages=("digital_signature",)), "BadCertificateUseNotAllowed"),
    "of a server": (valid("server", CA, extended=(ExtendedKeyUsageOID.SERVER_AUTH,)), "BadCertificateUseNotAllowed"),
}


@pytest.mark.parametrize(("made", "error"), CLIENTS.values(), ids=CLIENTS.keys())
async def test_an_application_is_let_in_or_told_why_not(endpoint: str, tmp_path: Path, made: Made, error: str) -> None:
    assert await refusal(endpoint, made, tmp_path) == error


async def test_an_unknown_application_is_kept_and_trusted_by_one_command(
    endpoint: str, server_folder: Path, pki: Path, tmp_path: Path
) -> None:
    made = valid("newcomer")
    assert await refusal(endpoint, made, tmp_path) == STRANGER
    assert thumbprint(made.certificate) in rejected(pki)
    certs(server_folder, "trust", "newcomer")
    assert await refusal(endpoint, made, tmp_path) == ""


async def test_who_does_not_hold_the_key_is_not_kept(
    endpoint: str, pki: Path, tmp_path: Path, known: Application
) -> None:
    made = valid("borrowed")
    client = application(tmp_path, "client", Made(made.certificate, private_key(known)))
    connection = await Connection.reach(endpoint, await client.security(await certificate_of(endpoint)))
    with pytest.raises(ConnectionError):
        await connection.open_channel()
    await connection.drop()
    assert connection.error == STRANGER
    assert thumbprint(made.certificate) not in rejected(pki)


@pytest.mark.parametrize("renews", [True, False])
async def test_who_is_trusted_no_more_is_disconnected(
    endpoint: str, server_folder: Path, pki: Path, tmp_path: Path, known: Application, *, renews: bool
) -> None:
    """By the next renewal (OPC 10000-4 v1.05 §6.1.7), or before it; nobody else is."""
    client = application(tmp_path, "leaver")
    trust(pki, der(client))
    connection, another = await Connection.open(endpoint, client), await Connection.open(endpoint, known)
    session, staying = await begin(connection, client), await begin(another, known)
    assert (await read(session, T))[0].StatusCode.is_good()
    certs(server_folder, "reject", "leaver")
    if renews:
        with pytest.raises(ConnectionError):
            await connection.open_channel(RENEW)
    async with asyncio.timeout(ENDS_S):
        await connection.lost()
    await connection.drop()
    assert connection.error == STRANGER
    assert (await read(staying, T))[0].StatusCode.is_good()
    await another.drop()


async def test_who_is_revoked_is_disconnected(endpoint: str, pki: Path, tmp_path: Path) -> None:
    made = valid("dismissed", CA)
    connection = await Connection.open(endpoint, application(tmp_path, "dismissed", made))
    put_crl(pki, CA, REVOKED, made)
    async with asyncio.timeout(ENDS_S):
        await connection.lost()
    await connection.drop()
    assert connection.error == "BadCertificateRevoked"


def strange_certificates() -> Iterator[tuple[str, bytes]]:
    """Yield certificates that a careless or hostile hand has made."""
    key = rsa_key("strange")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "../../strange\n\x1b[31m")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
    )
    yield "without extensions", builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    noise = b"\x30\x03abc"
    for title, oid, octets in (
        ("noise as names", "2.5.29.17", noise),
        ("names of no use", "2.5.29.17", bytes.fromhex("3004a3020500")),
        ("noise as key usage", "2.5.29.15", noise),
        ("noise as constraints", "2.5.29.19", noise),
    ):
        extended = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), octets), critical=True)
        yield title, extended.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


async def test_strange_certificates_are_refused(endpoint: str, known: Application) -> None:
    for title, octets in strange_certificates():
        policy = await known.security(await certificate_of(endpoint))
        policy.asymmetric_cryptography.Signer.host_privkey = rsa_key("strange")
        policy.host_certificate = octets
        connection = await Connection.reach(endpoint, policy)
        with contextlib.suppress(ConnectionError):
            await connection.open_channel()
        await connection.drop()
        assert connection.error in (STRANGER, "BadCertificateInvalid"), title


# ---------------------------------------------------------------- people


async def log_in(session: Session, certificate: bytes, key: Any) -> str:
    """Log in by a certificate and its key."""
    policy = SecurityPolicyBasic256Sha256
    signature = policy.sign_asymmetric(key, session.created.ServerCertificate + session.nonce)
    policy_id = session.token_policy(ua.UserTokenType.Certificate, uri=policy.URI)
    return await session.activate(
        UserIdentityToken=ua.X509IdentityToken(PolicyId=policy_id, CertificateData=certificate),
        UserTokenSignature=ua.SignatureData(policy.AsymmetricSignatureURI, signature),
    )


async def login(dial: Dial, person: Made) -> str:
    return await log_in(await Session.create(await dial(ANYBODY)), person.der, person.key)


REJECTED = "BadIdentityTokenRejected"
PEOPLE: dict[str, tuple[Made, str]] = {
    "issued by a trusted CA": (valid("carla", CA, extended=(), usages=("digital_signature",)), "Good"),
    "unknown": (valid("unknown"), REJECTED),
    "expired": (valid("expired", CA, **EXPIRED), REJECTED),
    "revoked": (REVOKED, REJECTED),
    "of a CA without a CRL": (valid("unchecked", MUTE_CA), REJECTED),
}


@pytest.mark.parametrize(("person", "result"), PEOPLE.values(), ids=PEOPLE.keys())
async def test_a_person_is_let_in_or_not(dial: Dial, server_folder: Path, person: Made, result: str) -> None:
    with changed_users(server_folder / "users.yaml") as users:
        users["carla"] = User(roles=("Operator",), thumbprint=thumbprint(person.certificate))
    assert await login(dial, person) == result


async def test_strange_certificates_are_nobodys(dial: Dial) -> None:
    key = rsa_key("strange")
    for title, octets in strange_certificates():
        session = await Session.create(await dial(ANYBODY))
        refused = await log_in(session, octets, key)
        assert refused in (REJECTED, "BadIdentityTokenInvalid"), title


async def test_an_unknown_person_is_kept_and_one_command_lets_in_and_another_out(
    dial: Dial, server_folder: Path, pki: Path
) -> None:
    person = valid("dora")
    with changed_users(server_folder / "users.yaml") as users:
        users["dora"] = User(roles=("Operator",), thumbprint=thumbprint(person.certificate))
    assert await login(dial, person) == REJECTED
    assert thumbprint(person.certificate) in rejected(pki / "users")
    assert thumbprint(person.certificate) not in rejected(pki)
    certs(server_folder, "trust", "--user", "dora")
    session = await Session.create(await dial(ANYBODY))
    assert await log_in(session, person.der, person.key) == "Good"
    certs(server_folder, "reject", "--user", "dora")
    result = "Good"
    async with asyncio.timeout(ENDS_S):
        while result == "Good":
            await asyncio.sleep(0.1)
            result = await session.refused(read_request(rvid(T)))
    assert result == "BadSessionIdInvalid"


async def test_an_application_is_no_person_and_a_person_no_application(
    endpoint: str, dial: Dial, server_folder: Path, pki: Path, tmp_path: Path
) -> None:
    person, client = valid("erna"), valid("erna's tool")
    trust(pki / "users", person.der)
    trust(pki, client.der)
    for made, name in ((person, "erna"), (client, "tool")):
        with changed_users(server_folder / "users.yaml") as users:
            users[name] = User(roles=("Operator",), thumbprint=thumbprint(made.certificate))
    assert [await login(dial, made) for made in (person, client)] == ["Good", REJECTED]
    assert [await refusal(endpoint, made, tmp_path) for made in (person, client)] == [STRANGER, ""]
