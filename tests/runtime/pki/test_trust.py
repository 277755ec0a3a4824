"""The trust list: folders that change while it is used, what is kept as rejected, and garbage."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from plant import quality
from runtime.pki.own import own_identities
from runtime.pki.store import der, thumbprint
from runtime.pki.trust import MOST_REJECTED, REJECTED, CertificateRefused, TrustList
from runtime.pki.validation import Use

from .makers import NOW, Made, make, make_ca, make_crl, rsa_key

CLIENT = make("UaExpert")
CA = make_ca("company")
ISSUED = make("Ignition", CA)


def put(folder: Path, name: str, octets: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)
    return folder / name


def refusal(trusted: TrustList, made: Made) -> str:
    with pytest.raises(CertificateRefused) as refused:
        trusted.check(made.der, at=NOW)
    return quality.name_of(refused.value.code)


def rejected(pki: Path) -> list[str]:
    return sorted(path.name for path in (pki / REJECTED).glob("*"))


def test_a_certificate_is_refused_kept_and_trusted_without_a_restart(tmp_path: Path) -> None:
    trusted = TrustList(tmp_path)
    assert refusal(trusted, CLIENT) == "BadCertificateUntrusted"
    (name,) = rejected(tmp_path)
    assert name == f"UaExpert-{thumbprint(CLIENT.certificate)}.der"
    (tmp_path / "trusted/certs").mkdir(parents=True)
    (tmp_path / REJECTED / name).rename(tmp_path / "trusted/certs" / name)
    trusted.check(CLIENT.der, at=NOW)
    (tmp_path / "trusted/certs" / name).unlink()
    assert refusal(trusted, CLIENT) == "BadCertificateUntrusted"


def test_a_ca_with_its_crl_is_enough(tmp_path: Path) -> None:
    trusted = TrustList(tmp_path)
    assert refusal(trusted, ISSUED) == "BadCertificateChainIncomplete"
    assert rejected(tmp_path) == [f"Ignition-{thumbprint(ISSUED.certificate)}.der"]
    put(tmp_path / "trusted/certs", "company.der", CA.der)
    assert refusal(trusted, ISSUED) == "BadCertificateRevocationUnknown"
    crl = put(tmp_path / "trusted/crl", "company.crl", der(make_crl(CA)))
    trusted.check(ISSUED.der, at=NOW)
    crl.write_bytes(der(make_crl(CA, ISSUED)))
    assert refusal(trusted, ISSUED) == "BadCertificateRevoked"


def test_applications_of_the_same_data_directory_are_trusted(tmp_path: Path) -> None:
    (controller,) = own_identities(tmp_path, (), "controller", at=NOW)
    TrustList(tmp_path).check(controller.der(), at=NOW)
    with pytest.raises(CertificateRefused):
        TrustList(tmp_path / "other").check(controller.der(), at=NOW)


def test_people_have_a_list_of_their_own(tmp_path: Path) -> None:
    anna = make("anna", usages=("digital_signature",), extended=())
    put(tmp_path / "users/trusted/certs", "anna.der", anna.der)
    TrustList(tmp_path / "users", Use.USER).check(anna.der, at=NOW)
    assert refusal(TrustList(tmp_path), anna) == "BadCertificateUntrusted"
    put(tmp_path / "trusted/certs", "client.der", CLIENT.der)
    assert refusal(TrustList(tmp_path / "users", Use.USER), CLIENT) == "BadCertificateUntrusted"


def test_garbage_is_told_of_once_and_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "trusted/certs"
    put(folder, "client.der", CLIENT.der)
    put(folder, "notes.txt", b"call the plant")
    put(folder, "large.der", b"0" * 2_000_000)
    put(folder, ".hidden.tmp", b"half a certificate")
    put(tmp_path / "trusted/crl", "none.crl", b"\x30\x03\x02\x01\x05")
    os.mkfifo(folder / "pipe.der")
    (folder / "folder.der").mkdir()
    trusted = TrustList(tmp_path)
    with caplog.at_level(logging.WARNING, "pki"):
        for number in range(3):
            trusted.check(CLIENT.der, at=NOW)
            put(folder, f"other{number}.der", make(f"other {number}", key=rsa_key("other")).der)
    told = [record.getMessage().split(" is left out")[0] for record in caplog.records]
    assert sorted(told) == sorted(
        str(path) for path in (folder / "large.der", folder / "notes.txt", tmp_path / "trusted/crl/none.crl")
    )


def test_the_rejected_are_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    trusted = TrustList(tmp_path)
    for number in range(MOST_REJECTED + 5):
        made = make(f"client {number}", key=rsa_key("many"))
        refusal(trusted, made)
        (path,) = (tmp_path / REJECTED).glob(f"client_{number}-*")
        os.utime(path, (number, number))
    names = rejected(tmp_path)
    assert len(names) == MOST_REJECTED
    assert not any(name.startswith("client_0-") for name in names)
    assert any(name.startswith(f"client_{MOST_REJECTED + 4}-") for name in names)


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a\nb", "…", "." * 20])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateRefused) as refused:
        TrustList(tmp_path / "pki").check(make(name, key=rsa_key("evil"), uri="urn:evil").der, at=NOW)
    assert str(refused.value).isprintable()
    (kept,) = rejected(tmp_path / "pki")
    assert kept.endswith(".der")
    assert [path.name for path in tmp_path.iterdir()] == ["pki"]


def test_what_cannot_be_written_is_told_and_refused_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "rejected", b"a file where a folder should be")
    assert refusal(TrustList(tmp_path), CLIENT) == "BadCertificateUntrusted"
    assert "cannot be kept as rejected" in caplog.text
