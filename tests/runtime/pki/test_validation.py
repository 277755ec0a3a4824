"""Each step of OPC 10000-4 v1.05 §6.1.3 with a certificate made for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from plant import quality
from runtime.pki.store import der, parse_certificate
from runtime.pki.trust import CertificateRefused
from runtime.pki.validation import Known, Use, validate

from .makers import APPLICATION, DAY, NOW, Made, elliptic_key, make, make_ca, make_crl, rsa_key

ROOT = make_ca("root")
MIDDLE = make_ca("middle", ROOT)
ISSUED = make("issued", MIDDLE)
SELF = make("self")
CRLS = (make_crl(ROOT), make_crl(MIDDLE))
BY_ROOT = Known([ROOT.certificate], [MIDDLE.certificate], CRLS)


def known(trusted: list[Made], issuers: list[Made] | None = None, crls: tuple[Any, ...] = ()) -> Known:
    return Known([each.certificate for each in trusted], [each.certificate for each in issuers or []], crls)


def refusal(certificates: bytes, known: Known, **wanted: Any) -> str:
    with pytest.raises(CertificateRefused) as refused:
        validate(certificates, known, NOW, **wanted)
    assert str(refused.value).startswith(quality.name_of(refused.value.code))
    return quality.name_of(refused.value.code)


def test_one_that_is_trusted_itself_passes() -> None:
    validate(SELF.der, known([SELF]), NOW)


@pytest.mark.parametrize("sent", [ISSUED.der, ISSUED.der + MIDDLE.der, ISSUED.der + MIDDLE.der + ROOT.der])
def test_one_of_a_trusted_ca_passes_with_and_without_its_chain(sent: bytes) -> None:
    validate(sent, BY_ROOT, NOW)


def test_issuers_may_come_with_the_certificate() -> None:
    validate(ISSUED.der + MIDDLE.der, known([ROOT], [], CRLS), NOW)
    assert refusal(ISSUED.der, known([ROOT], [], CRLS)) == "BadCertificateChainIncomplete"


def test_one_that_is_trusted_itself_still_needs_its_chain() -> None:
    validate(ISSUED.der, known([ISSUED], [MIDDLE, ROOT], CRLS), NOW)
    assert refusal(ISSUED.der, known([ISSUED], [MIDDLE], CRLS)) == "BadCertificateChainIncomplete"


def test_an_issuer_that_completes_a_chain_is_not_trusted_by_that() -> None:
    assert refusal(ISSUED.der, known([], [MIDDLE, ROOT], CRLS)) == "BadCertificateUntrusted"
    assert refusal(ISSUED.der + MIDDLE.der + ROOT.der, known([SELF], [], CRLS)) == "BadCertificateUntrusted"


def test_a_ca_that_was_renewed_under_its_name_is_told_from_the_old_one() -> None:
    renewed = make_ca("root", key=rsa_key("root of today"))
    young = make("young", renewed)
    crls = (make_crl(ROOT), make_crl(renewed))
    for each in (young, make("old", ROOT)):
        validate(each.der, known([ROOT, renewed], [], crls), NOW)


OTHER = rsa_key("another")
SIGNED_BY_ANOTHER = make("self", signer=OTHER)
FORGED = make("forged", ROOT, signer=OTHER)


@pytest.mark.parametrize(
    "certificates",
    [b"", b"\x30\x03\x02\x01\x05", b"no certificate at all", SELF.der[:-1], SELF.der + b"\x00", SELF.der * 11],
    ids=["empty", "other DER", "text", "cut short", "trailing", "too many"],
)
def test_what_is_no_certificate(certificates: bytes) -> None:
    assert refusal(certificates, known([SELF])) == "BadCertificateInvalid"


@pytest.mark.parametrize("made", [SIGNED_BY_ANOTHER, FORGED], ids=["self-signed", "issued"])
def test_a_signature_of_somebody_else(made: Made) -> None:
    assert refusal(made.der, known([made, ROOT], [], CRLS)) == "BadCertificateInvalid"


SHORT = make("short", key=rsa_key("short", 1024))
LONG = make("long", key=rsa_key("long", 4104))
CURVE = make("curve", key=elliptic_key())
SHORT_ROOT = make_ca("short root", key=rsa_key("short root", 1024))
OF_SHORT_ROOT = make("of short root", SHORT_ROOT)


@pytest.mark.parametrize(
    "made", [SHORT, LONG, CURVE, OF_SHORT_ROOT], ids=["1024 bits", "4104 bits", "elliptic", "issuer"]
)
def test_a_key_that_no_policy_allows(made: Made) -> None:
    answer = refusal(made.der, known([made, SHORT_ROOT], [], (make_crl(SHORT_ROOT),)))
    assert answer == "BadCertificatePolicyCheckFailed"


WEAK = [make("weak", algorithm=hashes.SHA224()).certificate] + [
    parse_certificate((Path(__file__).parent / name).read_bytes()) for name in ("sha1.pem", "md5.pem")
]


@pytest.mark.parametrize("certificate", WEAK, ids=["SHA-224", "SHA-1", "MD5"])
def test_a_signature_that_no_policy_allows(certificate: x509.Certificate) -> None:
    assert refusal(der(certificate), Known([certificate])) == "BadCertificatePolicyCheckFailed"


def test_one_that_nobody_trusts() -> None:
    assert refusal(SELF.der, known([ROOT])) == "BadCertificateUntrusted"
    namesake = make("self", key=OTHER)
    assert refusal(namesake.der, known([SELF])) == "BadCertificateUntrusted"


@pytest.mark.parametrize(
    "dates", [{"ends": NOW - DAY / 2}, {"begins": NOW + DAY, "ends": NOW + 2 * DAY}], ids=["ended", "not begun"]
)
def test_validity_of_certificate_and_issuer(dates: dict[str, Any]) -> None:
    late = make("late", **dates)
    assert refusal(late.der, known([late])) == "BadCertificateTimeInvalid"
    late_root = make_ca("late root", **dates)
    of_late_root = make("of late root", late_root)
    answer = refusal(of_late_root.der, known([late_root], [], (make_crl(late_root),)))
    assert answer == "BadCertificateIssuerTimeInvalid"


@pytest.mark.parametrize("host", ["plant.example", "PLANT.example.", "192.0.2.7"])
def test_a_host_that_it_names(host: str) -> None:
    validate(SELF.der, known([SELF]), NOW, use=Use.SERVER, host=host)


@pytest.mark.parametrize("host", ["other.example", "192.0.2.8", "example"])
def test_a_host_that_it_does_not_name(host: str) -> None:
    assert refusal(SELF.der, known([SELF]), use=Use.SERVER, host=host) == "BadCertificateHostNameInvalid"


def test_the_application_uri() -> None:
    validate(SELF.der, known([SELF]), NOW, application_uri="urn:test:self")
    assert refusal(SELF.der, known([SELF]), application_uri="urn:test:other") == "BadCertificateUriInvalid"


NO_USAGE = make("no usage", usages=None)
SIGNS_ONLY = make("signs only", usages=("digital_signature",))
SERVERS = make("server's", extended=(ExtendedKeyUsageOID.SERVER_AUTH,))
UNRESTRICTED = make("unrestricted", extended=())


@pytest.mark.parametrize("made", [NO_USAGE, SIGNS_ONLY, SERVERS], ids=["none", "signs only", "a server's"])
def test_a_use_that_is_not_allowed(made: Made) -> None:
    assert refusal(made.der, known([made])) == "BadCertificateUseNotAllowed"


def test_a_use_that_is_allowed() -> None:
    validate(SERVERS.der, known([SERVERS]), NOW, use=Use.SERVER)
    validate(UNRESTRICTED.der, known([UNRESTRICTED]), NOW)
    validate(SIGNS_ONLY.der, known([SIGNS_ONLY]), NOW, use=Use.USER)


NO_CA = make("no ca", usages=(*APPLICATION, "key_cert_sign"))
NO_SIGNER = make_ca("no signer", usages=("crl_sign",))
NARROW = make_ca("narrow", path_length=0)
BELOW_NARROW = make_ca("below narrow", NARROW)


@pytest.mark.parametrize(
    "issuers", [[NO_CA], [NO_SIGNER], [BELOW_NARROW, NARROW]], ids=["no CA", "does not sign", "path too long"]
)
def test_an_issuer_that_may_not_issue(issuers: list[Made]) -> None:
    issued = make("wrongly issued", issuers[0])
    crls = tuple(make_crl(each) for each in issuers)
    assert refusal(issued.der, known(issuers, [], crls)) == "BadCertificateIssuerUseNotAllowed"


@pytest.mark.parametrize(
    ("crls", "answer"),
    [
        ((), "BadCertificateRevocationUnknown"),
        ((make_crl(ROOT),), "BadCertificateRevocationUnknown"),
        ((make_crl(MIDDLE),), "BadCertificateIssuerRevocationUnknown"),
        ((make_crl(ROOT), make_crl(MIDDLE, signer=OTHER)), "BadCertificateRevocationUnknown"),
        ((make_crl(ROOT), make_crl(MIDDLE, begins=NOW - 2 * DAY, ends=NOW - DAY)), "BadCertificateRevocationUnknown"),
        ((make_crl(ROOT), make_crl(MIDDLE, ISSUED)), "BadCertificateRevoked"),
        ((make_crl(ROOT, MIDDLE), make_crl(MIDDLE)), "BadCertificateIssuerRevoked"),
    ],
    ids=["none", "the issuer's only", "not the issuer's", "forged", "out of date", "revoked", "issuer revoked"],
)
def test_revocation(crls: tuple[Any, ...], answer: str) -> None:
    assert refusal(ISSUED.der, known([ROOT], [MIDDLE], crls)) == answer


def test_the_newest_crl_counts() -> None:
    old, new = make_crl(MIDDLE, begins=NOW - 3 * DAY), make_crl(MIDDLE, ISSUED, begins=NOW - 2 * DAY)
    assert refusal(ISSUED.der, known([ROOT], [MIDDLE], (new, make_crl(ROOT), old))) == "BadCertificateRevoked"


def test_the_first_step_that_fails_gives_the_code() -> None:
    bad = make("bad", ends=NOW - DAY / 2, usages=None)
    assert refusal(bad.der, known([])) == "BadCertificateUntrusted"
    assert refusal(bad.der, known([bad]), host="other") == "BadCertificateTimeInvalid"


@given(st.lists(st.tuples(st.integers(0, len(ISSUED.der) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_whatever_comes_is_refused_and_no_more(changes: list[tuple[int, int]]) -> None:
    octets = bytearray(ISSUED.der)
    for place, value in changes:
        octets[place] = value
    if bytes(octets) != der(ISSUED.certificate):
        with pytest.raises(CertificateRefused):
            validate(bytes(octets), BY_ROOT, NOW)
