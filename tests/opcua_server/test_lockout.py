"""Failed logins: ever later answers, locks that double, and nobody locked out by another address."""

from __future__ import annotations

import pytest

from opcua_server import lockout as rules
from opcua_server.lockout import FIRST_DELAY_S, LONGEST_DELAY_S, Lockout, origin_of
from runtime.settings import LoginSettings

HERE, THERE = "10.0.0.5", "10.0.0.6"


class Clock:
    """Seconds, moved by the test."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lockout(clock: Clock) -> Lockout:
    return Lockout(LoginSettings(failures=5, address_failures=12, lock_s=60.0, longest_lock_s=900.0), clock)


def fail(lockout: Lockout, times: int, name: str = "anna", address: str = HERE) -> float:
    """Return the lock that the last of the failures brings."""
    return [lockout.failed(name, address).lock_s for _ in range(times)][-1]


def test_each_failure_is_answered_later_up_to_a_bound(lockout: Lockout) -> None:
    delays = [lockout.failed("anna", HERE).delay_s for _ in range(40)]
    assert delays[:4] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S, LONGEST_DELAY_S]
    assert set(delays[4:]) == {LONGEST_DELAY_S}


def test_so_many_failures_lock_for_a_while(lockout: Lockout, clock: Clock) -> None:
    assert fail(lockout, 4) == 0.0
    assert lockout.locked_s("anna", HERE) == 0.0
    assert fail(lockout, 1) == 60.0
    clock.now += 59.0
    assert lockout.locked_s("anna", HERE) == pytest.approx(1.0)
    clock.now += 1.0
    assert lockout.locked_s("anna", HERE) == 0.0


def test_locks_double_up_to_the_longest(lockout: Lockout, clock: Clock) -> None:
    locks = []
    for _ in range(7):
        locks.append(fail(lockout, 5))
        clock.now += locks[-1] + 1.0
    assert locks == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]


def test_another_address_is_not_locked(lockout: Lockout) -> None:
    fail(lockout, 5)
    assert lockout.locked_s("anna", HERE) > 0.0
    assert lockout.locked_s("anna", THERE) == 0.0
    assert lockout.locked_s("bert", HERE) == 0.0


def test_names_cannot_be_tried_one_after_the_other(lockout: Lockout) -> None:
    locks = [fail(lockout, 1, f"user{number}") for number in range(12)]
    assert locks == [0.0] * 11 + [60.0]
    assert lockout.locked_s("a new name", HERE) == 60.0
    assert lockout.locked_s("a new name", THERE) == 0.0


def test_a_right_login_resets_its_own_name_only(lockout: Lockout) -> None:
    fail(lockout, 4)
    lockout.succeeded("anna", HERE)
    assert fail(lockout, 4) == 0.0
    assert lockout.failed("bert", HERE).delay_s == FIRST_DELAY_S
    for number in range(6):
        fail(lockout, 1, f"user{number}")
        lockout.succeeded("mallory", HERE)  # a user of theirs does not clear what they tried of others
    assert fail(lockout, 1, "one more") == 60.0


def test_what_was_long_ago_is_forgotten(lockout: Lockout, clock: Clock) -> None:
    fail(lockout, 4)
    clock.now += 901.0
    assert fail(lockout, 4) == 0.0
    fail(lockout, 1)
    clock.now += 60.0 + 901.0
    assert fail(lockout, 5) == 60.0, "the doubling, too"


def test_memory_is_bounded(lockout: Lockout, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_RECORDS", 100)
    for number in range(1000):
        clock.now += 0.001
        lockout.failed("x" * 100_000, f"10.1.{number // 250}.{number % 250}")
    assert len(lockout._names) == len(lockout._origins) == 100
    assert max(len(name) for _, name in lockout._names) <= 65
    fail(lockout, 5)
    assert lockout.locked_s("anna", HERE) == 60.0


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_a_host_cannot_pass_as_many(address: str, origin: str) -> None:
    assert origin_of(address) == origin
