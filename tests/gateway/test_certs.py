"""`cstr-gateway certs`, on a data directory of its own and on one that is in use."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography import x509
from typer.testing import CliRunner

from gateway.cli import make_app
from runtime.errors import BadInput, GatewayError
from runtime.pki.own import own_identities
from runtime.pki.store import fingerprint, parse_crl, thumbprint
from runtime.pki.trust import CertificateRefused, TrustList
from runtime.pki.validation import hosts


def certs(data: Path, *words: str | Path) -> Result:
    """Run a command that succeeds."""
    result = CliRunner().invoke(make_app(), ["certs", *map(str, words), "--data", str(data)])
    assert result.exception is None, result.exception
    return result


def refused(data: Path, *words: str | Path) -> str:
    """Run a command that does not; return what it says."""
    result = CliRunner().invoke(make_app(), ["certs", *map(str, words), "--data", str(data)])
    assert isinstance(result.exception, GatewayError)
    return str(result.exception)


def listed(data: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(certs(data, "list", "--format", "json").stdout)
    return rows


def client(tmp_path: Path, name: str = "UaExpert") -> bytes:
    """Return the certificate of a stranger."""
    return own_identities(tmp_path / "strangers", (), name)[0].der()


def is_trusted(data: Path, certificate: bytes) -> bool:
    try:
        TrustList(data / "pki").check(certificate)
    except CertificateRefused:
        return False
    return True


@pytest.mark.parametrize("command", ["", "create", "renew", "revoke", "export", "trust", "reject", "remove", "list"])
def test_each_help_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(make_app(), ["certs", *command.split(), "--help"]).output
    assert f"Example: cstr-gateway certs {command}" in " ".join(shown.split())


def test_a_certificate_is_made_with_the_hosts_asked_for_and_kept(tmp_path: Path) -> None:
    said = certs(tmp_path, "create", "--host", "plant.example", "--host", "192.0.2.9").stderr
    (identity,) = own_identities(tmp_path / "pki")
    assert identity.thumbprint in said
    assert {"plant.example", "192.0.2.9"} <= set(hosts(identity.parsed))
    assert certs(tmp_path, "create", "--host", "plant.example").stderr == said
    assert "--host a b: allowed is a host name" in refused(tmp_path, "create", "--host", "a b")
    assert "allowed are cstr-gateway, controller, " in refused(tmp_path, "create", "--application", "../x")
    assert "'cstr-gatway': allowed are" in refused(tmp_path, "renew", "--application", "cstr-gatway")


def test_the_list_tells_all_of_a_certificate(tmp_path: Path) -> None:
    certs(tmp_path, "create")
    certs(tmp_path, "renew")
    stranger = client(tmp_path)
    assert not is_trusted(tmp_path, stranger)
    rows = listed(tmp_path)
    assert [(row["store"], row["name"], row["state"]) for row in rows] == [
        ("own", "cstr-gateway", "accepted"),
        ("own", "cstr-gateway", "shown"),
        ("rejected", "UaExpert", "valid"),
    ]
    (rejected,) = rows[2:]
    assert rejected["thumbprint"] == thumbprint(x509.load_der_x509_certificate(stranger))
    assert rejected["application_uri"].endswith(":UaExpert")
    assert rejected["subject"] == "O=cstr-gateway,CN=UaExpert"
    assert rejected["days_left"] == 729
    assert datetime.fromisoformat(rejected["valid_to"]) - datetime.now(UTC) > timedelta(days=729)
    assert Path(rejected["file"]).parent == tmp_path / "pki/rejected/certs"
    head, *lines = certs(tmp_path, "list", "--format", "csv").stdout.splitlines()
    assert head == "store,name,subject,application_uri,thumbprint,sha256,valid_from,valid_to,days_left,state,file"
    assert len(lines) == 3


def test_on_a_narrow_terminal_a_row_is_a_line_with_digits_that_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert not is_trusted(tmp_path, client(tmp_path))
    (row,) = listed(tmp_path)
    head, *lines = certs(tmp_path, "list", "--format", "table").stdout.splitlines()
    assert head.split() == ["store", "name", "thumbprint", "valid_to", "state"]
    (shown,) = lines
    store, name, digits, ends, state = shown.split()
    assert (store, name, ends, state) == ("rejected", "UaExpert", row["valid_to"][:10], "valid")
    assert certs(tmp_path, "trust", digits).stderr == f"trusted: UaExpert {row['thumbprint']}\n"


@pytest.mark.parametrize("by", ["name", "thumbprint", "beginning", "colons", "sha256"])
def test_a_rejected_one_is_trusted_and_rejected_again(tmp_path: Path, by: str) -> None:
    stranger = client(tmp_path)
    assert not is_trusted(tmp_path, stranger)
    digits = thumbprint(x509.load_der_x509_certificate(stranger))
    wanted = {
        "name": "uaexpert",
        "thumbprint": digits,
        "beginning": digits[:8].lower(),
        "colons": ":".join(re.findall("..", digits)),
        "sha256": fingerprint(x509.load_der_x509_certificate(stranger)),
    }[by]
    assert certs(tmp_path, "trust", wanted).stderr == f"trusted: UaExpert {digits}\n"
    assert is_trusted(tmp_path, stranger)
    assert [row["store"] for row in listed(tmp_path)] == ["trusted"]
    certs(tmp_path, "reject", wanted)
    assert not is_trusted(tmp_path, stranger)
    certs(tmp_path, "remove", wanted)
    assert listed(tmp_path) == []


def test_all_of_them_and_a_file(tmp_path: Path) -> None:
    strangers = [client(tmp_path, name) for name in ("one", "two")]
    assert [is_trusted(tmp_path, each) for each in strangers] == [False, False]
    certs(tmp_path, "trust", "--all")
    assert [is_trusted(tmp_path, each) for each in strangers] == [True, True]
    file = tmp_path / "three.pem"
    certs(tmp_path / "three", "create")
    certs(tmp_path / "three", "export", "--out", file)
    assert file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    certs(tmp_path, "trust", file)
    assert is_trusted(tmp_path, own_identities(tmp_path / "three/pki")[0].der())


def test_people_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "anna.der"
    file.write_bytes(client(tmp_path, "anna"))
    certs(tmp_path, "trust", file, "--user")
    assert [(row["store"], row["name"]) for row in listed(tmp_path)] == [("users/trusted", "anna")]
    assert not is_trusted(tmp_path, file.read_bytes())
    certs(tmp_path, "reject", "anna", "--user")
    assert {row["store"] for row in listed(tmp_path)} == {"users/rejected", "rejected"}


def test_what_is_not_there_not_clear_or_not_allowed_is_said(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert not is_trusted(tmp_path, client(tmp_path / folder))
    assert re.search(
        r"'UaExpert' is the name of several; give the thumbprint of one of UaExpert [0-9A-F]{40}; UaExpert",
        refused(tmp_path, "trust", "UaExpert"),
    )
    assert re.search(r"'nobody' is no name, .* there is UaExpert [0-9A-F]{40}", refused(tmp_path, "trust", "nobody"))
    assert "allowed is either a name, thumbprint or file, or --all" in refused(tmp_path, "trust")
    assert "allowed is either" in refused(tmp_path, "trust", "UaExpert", "--all")
    garbage = tmp_path / "garbage.der"
    garbage.write_bytes(b"garbage")
    assert "it is no certificate in DER or PEM; allowed is a certificate or a CRL" in refused(
        tmp_path, "trust", garbage
    )
    assert f"there is no folder {tmp_path / 'no'}" in refused(tmp_path, "export", "--out", tmp_path / "no" / "ca.der")
    assert not (tmp_path / "no").exists()
    assert "there are no certificates" in refused(tmp_path / "elsewhere", "list")
    assert not (tmp_path / "elsewhere").exists()
    assert "certs create --ca" in refused(tmp_path, "export", "--ca", "--out", tmp_path / "ca.der")
    assert "use `cstr-gateway certs create`" in refused(tmp_path, "export", "--out", tmp_path / "own.der")
    assert "was not issued by the CA" in refused(tmp_path, "revoke", listed(tmp_path)[0]["thumbprint"])


def test_a_ca_issues_from_then_on_and_its_clients_trust_all_of_it(tmp_path: Path) -> None:
    plant, scada = tmp_path / "plant", tmp_path / "scada"
    (before,) = own_identities(plant / "pki")
    said = certs(plant, "create", "--ca").stderr
    assert f"is accepted, and shown from {before.not_after:%Y-%m-%d}, when the present one ends" in said
    with pytest.raises(BadInput, match="is there already"):
        raise BadInput(refused(plant, "create", "--ca"))
    present, issued = own_identities(plant / "pki")
    assert present.thumbprint == before.thumbprint
    assert "is shown until" in certs(plant, "renew", "--now").stderr
    shown, accepted = own_identities(plant / "pki")
    assert (shown.thumbprint, accepted.thumbprint) == (issued.thumbprint, before.thumbprint)
    assert shown.parsed.issuer != shown.parsed.subject
    certs(plant, "export", "--ca", "--out", tmp_path / "ca.der")
    said = certs(scada, "trust", tmp_path / "ca.der").stderr
    assert said.startswith("trusted: cstr-gateway CA")
    assert "refused all the same until its revocation list is here" in said
    assert [row["state"] for row in listed(scada)] == ["has no CRL here"]
    certs(scada, "trust", tmp_path / "ca.crl")
    assert [row["state"] for row in listed(scada)] == ["valid"]
    assert is_trusted(scada, shown.chain())
    certs(plant, "renew", "--now")
    renewed, *_ = own_identities(plant / "pki")
    assert renewed.thumbprint != shown.thumbprint
    assert is_trusted(scada, renewed.der())
    certs(plant, "revoke", shown.thumbprint)
    assert shown.thumbprint not in {each.thumbprint for each in own_identities(plant / "pki")}
    certs(plant, "export", "--ca", "--out", tmp_path / "ca.der")
    assert parse_crl((tmp_path / "ca.crl").read_bytes()).get_revoked_certificate_by_serial_number(
        shown.parsed.serial_number
    )
    certs(scada, "trust", tmp_path / "ca.crl")
    assert is_trusted(scada, renewed.der())
    assert not is_trusted(scada, shown.der())


def test_one_of_our_own_that_is_revoked_is_replaced(tmp_path: Path) -> None:
    certs(tmp_path, "create", "--ca")
    (shown,) = own_identities(tmp_path / "pki")
    certs(tmp_path, "revoke", shown.thumbprint)
    (another,) = own_identities(tmp_path / "pki")
    assert another.thumbprint != shown.thumbprint
    assert is_trusted(tmp_path, another.der())
    assert not is_trusted(tmp_path, shown.der())


def test_what_still_refuses_it_is_said_at_once(tmp_path: Path) -> None:
    certs(tmp_path / "other", "create", "--ca")
    issued = own_identities(tmp_path / "other/pki")[0]
    said = certs(tmp_path, "trust", issued.certificate).stderr
    assert "it is refused all the same: BadCertificateChainIncomplete" in said
    assert "trust that CA" in said
    certs(tmp_path / "other", "export", "--ca", "--out", tmp_path / "ca.der")
    certs(tmp_path, "trust", "--issuer", tmp_path / "ca.der")
    certs(tmp_path, "trust", "--issuer", tmp_path / "ca.crl")
    assert is_trusted(tmp_path, issued.der())
