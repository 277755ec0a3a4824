"""Own certificates: what stands in them, when they are made anew, and what stays a user's own."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from runtime.errors import BadInput, CouldNotRun
from runtime.pki import own
from runtime.pki.authority import Authority
from runtime.pki.chain import parse_chain
from runtime.pki.own import RENEWAL, application_uri, own_identities, renew
from runtime.pki.store import pem
from runtime.pki.trust import TrustList
from runtime.pki.validation import Known, Use, application_uris, hosts, validate

from .makers import DAY, NOW, Made, make, make_ca

SERVER = "cstr-gateway"


def put(pki: Path, made: Made, application: str = SERVER) -> None:
    """Put somebody's own certificate and key where ours would lie."""
    for folder, suffix, octets in (("certs", "der", made.der), ("private", "pem", pem(made.key))):
        (pki / "own" / folder).mkdir(parents=True, exist_ok=True)
        (pki / "own" / folder / f"{application}.{suffix}").write_bytes(octets)


def test_it_names_the_machine_the_settings_and_the_application(tmp_path: Path) -> None:
    settings = ["plant.example", "192.0.2.99", "0.0.0.0", "::"]
    (identity,) = own_identities(tmp_path, settings, at=NOW)
    named = hosts(identity.parsed)
    assert {"plant.example", "192.0.2.99", socket.gethostname(), "localhost", "127.0.0.1", "::1"} <= set(named)
    assert not {"0.0.0.0", "::"} & set(named)
    assert application_uris(identity.parsed) == (application_uri(),) == (f"urn:{socket.gethostname()}:cstr-gateway",)
    assert identity.der() == identity.certificate.read_bytes() == identity.chain()
    for use in (Use.CLIENT, Use.SERVER):
        validate(identity.der(), Known([identity.parsed]), NOW, use=use, host="PLANT.example")


def test_it_is_what_part_6_asks_for(tmp_path: Path) -> None:
    (identity,) = own_identities(tmp_path, at=NOW)
    find = identity.parsed.extensions.get_extension_for_class
    usage = find(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert usage.key_encipherment
    assert usage.data_encipherment
    assert usage.key_cert_sign
    assert not usage.crl_sign
    assert find(x509.BasicConstraints).value.ca is False
    assert identity.parsed.version is x509.Version.v3
    assert timedelta(days=365) < identity.not_after - NOW <= timedelta(days=730)


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    (identity,) = own_identities(tmp_path, at=NOW)
    authority = Authority.make(tmp_path, NOW)
    keys = [identity.key, tmp_path / "ca/private/ca.pem"]
    assert [key.stat().st_mode & 0o777 for key in keys] == [0o600, 0o600]
    assert [key.parent.stat().st_mode & 0o777 for key in keys] == [0o700, 0o700]
    assert authority.certificate.exists()


def test_the_folders_of_the_usual_layout_wait_for_files(tmp_path: Path) -> None:
    own_identities(tmp_path, at=NOW)
    folders = ["trusted/certs", "trusted/crl", "issuer/certs", "issuer/crl", "rejected/certs"]
    assert all((tmp_path / each).is_dir() and (tmp_path / "users" / each).is_dir() for each in folders)


def test_it_is_made_once(tmp_path: Path) -> None:
    first = own_identities(tmp_path, ["plant.example"], at=NOW)
    assert own_identities(tmp_path, ["plant.example"], at=NOW + DAY) == first
    assert own_identities(tmp_path, at=NOW + DAY) == first


def test_addresses_that_come_and_go_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = own_identities(tmp_path, at=NOW)
    monkeypatch.setattr(own, "machine_names", lambda: ("192.0.2.123",))
    assert own_identities(tmp_path, at=NOW) == first


def test_a_new_name_in_the_settings_shows_another_one_and_accepts_the_old_one(tmp_path: Path) -> None:
    (old,) = own_identities(tmp_path, ["one.example"], at=NOW)
    shown, accepted = own_identities(tmp_path, ["two.example"], at=NOW + DAY)
    assert {"one.example", "two.example"} <= set(hosts(shown.parsed))
    assert accepted.thumbprint == old.thumbprint
    TrustList(tmp_path).check(old.der(), at=NOW)


def test_it_is_renewed_in_time_and_the_old_one_shown_until_it_ends(tmp_path: Path) -> None:
    (old,) = own_identities(tmp_path, ["plant.example"], at=NOW)
    assert own_identities(tmp_path, at=old.not_after - RENEWAL - DAY) == (old,)
    due = old.not_after - RENEWAL + DAY
    shown, successor = own_identities(tmp_path, at=due)
    assert shown == old
    assert successor.not_after > old.not_after + RENEWAL
    assert "plant.example" in hosts(successor.parsed)
    assert own_identities(tmp_path, at=old.not_after - DAY) == (old, successor)
    TrustList(tmp_path).check(successor.der(), at=due)
    (after,) = own_identities(tmp_path, at=old.not_after + DAY)
    assert after.thumbprint == successor.thumbprint
    assert after.certificate == old.certificate
    assert sorted(path.name for path in (tmp_path / "own").rglob("*.*")) == ["cstr-gateway.der", "cstr-gateway.pem"]


def test_after_a_long_sleep_a_new_one_is_made(tmp_path: Path) -> None:
    (old,) = own_identities(tmp_path, at=NOW)
    (new,) = own_identities(tmp_path, at=old.not_after + 1000 * DAY)
    assert new.thumbprint != old.thumbprint


def test_who_trusts_the_ca_loses_nothing_by_renewal(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path / "server", NOW)
    (old,) = own_identities(tmp_path / "server", at=NOW)
    due = old.not_after - DAY
    client = Known([authority.issuer.certificate], [], TrustList(tmp_path / "server").known().crls)
    for identity in own_identities(tmp_path / "server", at=due):
        validate(identity.der(), client, due, use=Use.SERVER)
        assert parse_chain(identity.chain())[1:] == [authority.issuer.certificate]


def test_what_the_ca_revokes_is_refused(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path, NOW)
    (first,), (second,) = own_identities(tmp_path, at=NOW), own_identities(tmp_path, (), "controller", at=NOW)
    trusted = TrustList(tmp_path)
    authority.revoke(first.parsed, NOW)
    authority.revoke(make("somebody").certificate, NOW)
    with pytest.raises(Exception, match="BadCertificateRevoked"):
        trusted.check(first.der(), at=NOW)
    trusted.check(second.der(), at=NOW)


def test_a_successor_can_be_shown_early(tmp_path: Path) -> None:
    (old,) = own_identities(tmp_path, at=NOW)
    successor = renew(tmp_path, [], SERVER, NOW + DAY, shown=False)
    shown = renew(tmp_path, [], SERVER, NOW + DAY, shown=True)
    assert shown.thumbprint == successor.thumbprint
    assert [each.thumbprint for each in own_identities(tmp_path, at=NOW)] == [shown.thumbprint, old.thumbprint]


def test_somebody_elses_is_used_as_it_is(tmp_path: Path) -> None:
    ca = make_ca("company")
    theirs = make("our server", ca, ends=NOW + 10 * DAY)
    put(tmp_path, theirs)
    (tmp_path / "issuer/certs").mkdir(parents=True)
    (tmp_path / "issuer/certs/company.der").write_bytes(ca.der)
    for at in (NOW, NOW + 9 * DAY, NOW + 11 * DAY):
        (identity,) = own_identities(tmp_path, ["not.in.it"], at=at)
        assert identity.chain() == theirs.der + ca.der
    with pytest.raises(BadInput, match="is not ours to renew; put a new one there"):
        renew(tmp_path, [], SERVER, NOW, shown=True)
    assert identity.der() == theirs.der


def test_a_key_that_waits_is_given_a_certificate(tmp_path: Path) -> None:
    made = make("waits")
    put(tmp_path, made)
    (tmp_path / "own/certs/cstr-gateway.der").unlink()
    (identity,) = own_identities(tmp_path, at=NOW)
    assert identity.parsed.public_key() == made.key.public_key()


@pytest.mark.parametrize("broken", ["own/certs/cstr-gateway.der", "own/private/cstr-gateway.pem"])
def test_files_that_do_not_fit_are_named_and_left(tmp_path: Path, broken: str) -> None:
    own_identities(tmp_path, at=NOW)
    (tmp_path / broken).write_bytes(b"garbage")
    with pytest.raises(CouldNotRun, match=r"own/certs/cstr-gateway\.der with key .*; put both there, or remove both"):
        own_identities(tmp_path, at=NOW)
    assert (tmp_path / broken).read_bytes() == b"garbage"


def test_a_certificate_without_its_key_is_named(tmp_path: Path) -> None:
    (identity,) = own_identities(tmp_path, at=NOW)
    identity.key.unlink()
    with pytest.raises(CouldNotRun, match="No such file or directory; put both there, or remove both"):
        own_identities(tmp_path, at=NOW)


def test_a_successor_that_is_broken_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (old,) = own_identities(tmp_path, at=NOW)
    renew(tmp_path, [], SERVER, NOW + DAY, shown=False).key.write_bytes(b"garbage")
    with caplog.at_level(logging.WARNING, "pki"):
        assert own_identities(tmp_path, at=NOW) == (old,)
    assert "left out: own certificate" in caplog.text


def test_names_that_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    (server,) = own_identities(tmp_path, at=NOW)
    (command,) = own_identities(tmp_path, (), "cstr-gateway-command", at=NOW)
    assert own_identities(tmp_path, at=NOW) == (server,)
    assert own_identities(tmp_path, (), "cstr-gateway-command", at=NOW) == (command,)


def test_several_starters_make_one(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from runtime.pki.own import own_identities;"
        "print(own_identities(Path(sys.argv[1]))[0].thumbprint)"
    )
    starters = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert len({starter.communicate()[0] for starter in starters}) == 1


@pytest.mark.parametrize("host", ["a..b", "bücher.example", "x" * 70 + ".example", "fe80::1%eth0"])
def test_any_host_that_the_settings_allow_can_stand_in_it(tmp_path: Path, host: str) -> None:
    first = own_identities(tmp_path, [host], at=NOW)
    assert own_identities(tmp_path, [host], at=NOW) == first
