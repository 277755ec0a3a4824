"""Client applications, each with a certificate made for it, as it should be or with one thing wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)
from cryptography.hazmat.primitives import serialization

from runtime.pki.own import Identity
from runtime.pki.store import file_name, parse_certificate, pem

from ...runtime.pki.makers import Made, make
from ..conformity.wire import Application

POLICIES = (SecurityPolicyBasic256Sha256, SecurityPolicyAes128Sha256RsaOaep, SecurityPolicyAes256Sha256RsaPss)
MODES = (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt)
EACH_POLICY = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__[len("SecurityPolicy") :])
EACH_MODE = pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
UNKNOWN_CURVE = (bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d03017f"))
"""The OID of secp256r1, and one of the same length that is nobody's."""
NOW, DAY = datetime.now(UTC), timedelta(days=1)
VALID = {"begins": NOW - DAY, "ends": NOW + DAY}


def valid(name: str, issuer: Made | None = None, **different: Any) -> Made:
    """Make a certificate that is valid today."""
    return make(name, issuer, **{**VALID, **different})


def application(folder: Path, name: str, made: Made | None = None) -> Application:
    """Return a client application with a certificate, signed by itself unless one is given."""
    made = made or valid(name)
    identity = Identity(folder / f"{name}.der", folder / f"{name}.pem", made.certificate)
    folder.mkdir(parents=True, exist_ok=True)
    identity.certificate.write_bytes(made.der)
    identity.key.write_bytes(pem(made.key))
    return Application(f"urn:test:{name}", identity)


def der(client: Application) -> bytes:
    """Return the certificate on the wire."""
    assert client.identity is not None
    return client.identity.der()


def private_key(client: Application) -> Any:
    assert client.identity is not None
    return serialization.load_pem_private_key(client.identity.key.read_bytes(), password=None)


def trust(pki: Path, certificate: bytes) -> None:
    """Let whoever has that store trust an application, a person or a CA."""
    folder = pki / "trusted" / "certs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file_name(parse_certificate(certificate))).write_bytes(certificate)


def by(client: Application, policy: Any, mode: ua.MessageSecurityMode = MODES[1]) -> Application:
    """Return the application as it connects by another policy and mode."""
    return replace(client, policy=policy, mode=mode)
