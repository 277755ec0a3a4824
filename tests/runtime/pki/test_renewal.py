"""A service's own certificates while it runs, with the time given."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from runtime.pki import renewal
from runtime.pki.own import RENEWAL, renew
from runtime.pki.renewal import OwnCertificates
from runtime.pki.store import pem

from .makers import DAY, NOW, make


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(renewal, "LOOK_S", 0.0)
    return Clock()


def test_a_life_of_two_certificates(tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "pki")
    certificates = OwnCertificates(tmp_path, now=clock)
    (first,) = certificates.present()
    certificates.tend()
    assert caplog.text == ""
    clock.now = first.not_after - RENEWAL + DAY
    certificates.tend()
    shown, successor = certificates.present()
    assert shown == first
    assert f"ends in 59 days; until then, have clients trust its successor {successor.certificate}" in caplog.text
    clock.now = first.not_after + DAY / 24
    assert [each.thumbprint for each in certificates.present()] == [successor.thumbprint]
    certificates.tend()
    assert [each.certificate for each in certificates.present()] == [first.certificate]


def test_what_a_command_does_is_seen(tmp_path: Path, clock: Clock) -> None:
    certificates = OwnCertificates(tmp_path, now=clock)
    (first,) = certificates.present()
    made = renew(tmp_path, [], "cstr-gateway", NOW + DAY, shown=True)
    assert [each.thumbprint for each in certificates.present()] == [made.thumbprint, first.thumbprint]


def test_a_certificate_put_in_its_place_is_seen_once_its_key_is_there(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = OwnCertificates(tmp_path, now=clock)
    (first,) = certificates.present()
    theirs = make("theirs", ends=NOW + 20 * DAY)
    first.certificate.write_bytes(theirs.der)
    assert certificates.present() == (first,)
    assert "the certificates that were there are kept: own certificate" in caplog.text
    first.key.write_bytes(pem(theirs.key))
    assert [each.der() for each in certificates.present()] == [theirs.der]
    certificates.tend()
    assert "ends in 20 days and is not ours to renew" in caplog.text


def test_what_breaks_later_is_told_and_stops_nothing(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = OwnCertificates(tmp_path, now=clock)
    (first,) = certificates.present()
    first.key.write_bytes(b"garbage")
    certificates.tend()
    assert certificates.present() == (first,)
    assert "own certificates cannot be renewed: own certificate" in caplog.text


def test_the_days_left_are_a_metric(tmp_path: Path, clock: Clock) -> None:
    registry = CollectorRegistry()
    registry.register(OwnCertificates(tmp_path, now=clock))
    clock.now = NOW + 100 * DAY
    assert b'cstr_certificate_days_left{application="cstr-gateway"} 630.0' in generate_latest(registry)
