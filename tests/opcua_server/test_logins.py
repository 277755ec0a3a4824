"""Checking logins: right ones, wrong ones, too many at once, and a users file that changes meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from asyncua import ua
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from opcua_server.access.roles import ALL_ROLES
from opcua_server.log_rate import MOST_LINES, PERIOD_S, LogRate
from opcua_server.password_checks import MOST_OF_ONE_ADDRESS, MOST_WAITING, PasswordChecks, TooManyLogins
from opcua_server.session import PlantUser
from opcua_server.users import SERVICE_ROLES, LoginRefused, Users, users_of
from runtime.errors import BadInput
from runtime.passwords import hash_password
from runtime.pki.own import own_identities
from runtime.running import secret
from runtime.settings import Role
from runtime.settings_file import load_settings
from runtime.users_file import SERVICES, User, changed_users, users_path

RIGHT = "correct horse"
HERE, THERE = "10.0.0.5", "10.0.0.6"
HASH = hash_password(RIGHT)
DENIED = ua.StatusCodes.BadUserAccessDenied

Start = Callable[..., Users]


def put(data: Path, name: str, *roles: Role, hashed: str | None = HASH, thumbprint: str | None = None) -> None:
    with changed_users(data / "users.yaml") as users:
        users[name] = User(roles=roles, hash=SecretStr(hashed) if hashed else None, thumbprint=thumbprint)


def remove(data: Path, name: str) -> None:
    with changed_users(data / "users.yaml") as users:
        del users[name]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def start(tmp_path: Path, registry: CollectorRegistry) -> Start:
    def run(**settings: object) -> Users:
        put(tmp_path, "anna", "Operator")
        given = {f"server.{key}": value for key, value in settings.items()}
        server = load_settings(overrides={"server.listen": "0.0.0.0", **given}, env={}).server
        return users_of(server, tmp_path, registry)

    return run


async def refused(users: Users, name: str, password: str, peer: str = HERE) -> tuple[int, str]:
    with pytest.raises(LoginRefused) as error:
        await users.by_password(name, password, peer)
    return error.value.code, error.value.reason


def count(registry: CollectorRegistry, reason: str) -> float:
    return registry.get_sample_value("cstr_logins_refused_total", {"reason": reason}) or 0.0


async def test_a_user_gets_the_roles_of_the_file_and_those_of_who_is_logged_in(start: Start) -> None:
    user = await start().by_password("anna", RIGHT, HERE)
    assert (user.name, user.roles) == ("anna", {"Operator", "Anonymous", "AuthenticatedUser"})


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(
    start: Start, registry: CollectorRegistry
) -> None:
    users = start()
    assert await refused(users, "anna", "wrong", HERE) == (DENIED, "wrong password")
    assert await refused(users, "nobody", "wrong", THERE) == (DENIED, "no such user")
    assert (count(registry, "wrong password"), count(registry, "no such user")) == (1.0, 1.0)


async def test_an_unknown_user_takes_as_long(start: Start, tmp_path: Path) -> None:
    put(tmp_path, "by-certificate", "Observer", hashed=None, thumbprint="ab" * 20)
    users = start(login={"failures": 1000, "address_failures": 1000})

    names = ("anna", "nobody", "by-certificate")
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(10):  # in turn: this machine is not as fast at all times
        for name in names:
            began = time.process_time()
            await refused(users, name, "wrong", f"10.0.1.{number}")
            took[name].append(time.process_time() - began)
    known, unknown, other = (min(took[name]) for name in names)
    assert known > 0.01
    assert unknown == pytest.approx(known, rel=0.5)
    assert other == pytest.approx(known, rel=0.5)


async def test_failures_lock_and_others_log_in(start: Start, registry: CollectorRegistry, tmp_path: Path) -> None:
    users = start(login={"failures": 3})
    await asyncio.gather(*(refused(users, "anna", f"wrong{number}") for number in range(3)))
    took = []
    for _ in range(3):
        began = time.process_time()
        assert await refused(users, "anna", RIGHT) == (DENIED, "locked")
        took.append(time.process_time() - began)
    assert min(took) < 0.01, "no hash is made"
    assert count(registry, "locked") == 3.0
    assert (await users.by_password("anna", RIGHT, THERE)).name == "anna"
    put(tmp_path, "bert", "Observer")
    assert (await users.by_password("bert", RIGHT, HERE)).name == "bert"


async def test_guesses_side_by_side_are_no_more_than_one_after_the_other(start: Start) -> None:
    users = start(login={"failures": 3})
    guesses = [refused(users, "anna", f"wrong{number}") for number in range(12)]
    reasons = [reason for _, reason in await asyncio.gather(*guesses)]
    assert reasons.count("wrong password") == 3
    assert reasons.count("locked") == 9


async def test_a_failure_is_answered_late_and_a_right_login_beside_it_at_once(start: Start) -> None:
    users = start(login={"failures": 1000})
    for _ in range(3):
        await refused(users, "anna", "wrong")
    failure = asyncio.create_task(refused(users, "anna", "wrong"))
    await users.by_password("anna", RIGHT, HERE)
    assert not failure.done()
    await failure


async def test_our_services_log_in_by_their_secrets_and_are_never_locked(start: Start, tmp_path: Path) -> None:
    assert set(SERVICE_ROLES) == set(SERVICES)
    users = start(login={"failures": 1, "address_failures": 1})
    await refused(users, "nobody", "wrong")
    assert await refused(users, "anna", RIGHT) == (DENIED, "locked")
    answers = await asyncio.gather(*(refused(users, "historian", word) for word in ("wrong", "", "x" * 32)))
    assert answers == [(DENIED, "wrong secret")] * 3
    user = await users.by_password("historian", secret(tmp_path / "secrets" / "historian"), HERE)
    assert user.roles == {"Observer", "Operator", "Anonymous", "AuthenticatedUser"}


async def test_changes_of_the_file_take_effect_at_the_next_login(start: Start, tmp_path: Path) -> None:
    users = start()
    anna = await users.by_password("anna", RIGHT, HERE)
    put(tmp_path, "bert", "Engineer")
    bert = await users.by_password("bert", RIGHT, HERE)
    assert users.still_allowed(anna)
    remove(tmp_path, "anna")
    assert await refused(users, "anna", RIGHT) == (DENIED, "no such user")
    assert not users.still_allowed(anna)
    put(tmp_path, "bert", "Observer")
    assert (await users.by_password("bert", RIGHT, HERE)).roles >= {"Observer"}
    assert not users.still_allowed(bert), "the roles are others"
    assert users.still_allowed(PlantUser(role=bert.role, name="controller"))


async def test_while_the_file_is_bad_the_last_good_one_stays_and_it_is_logged_once(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    users = start()
    good = (tmp_path / "users.yaml").read_text()
    (tmp_path / "users.yaml").write_text(good.replace("Operator", "Operatr"))
    for _ in range(3):
        await users.by_password("anna", RIGHT, HERE)
    (tmp_path / "users.yaml").chmod(0o644)
    await users.by_password("anna", RIGHT, HERE)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "users.yaml: user 'anna': roles.0: 'Operatr'" in errors[0]
    assert "others may read or write it" in errors[1]
    (tmp_path / "users.yaml").chmod(0o600)
    (tmp_path / "users.yaml").write_text(good.replace("Operator", "Engineer"))
    assert "Engineer" in (await users.by_password("anna", RIGHT, HERE)).roles


async def test_a_bad_file_ends_the_start(start: Start, tmp_path: Path) -> None:
    start()
    (tmp_path / "users.yaml").write_text("anna: {}")
    server = load_settings(env={}).server
    with pytest.raises(BadInput, match=r"users\.yaml: user 'anna': roles: is missing"):
        users_of(server, tmp_path, CollectorRegistry())
    assert users_path(server, tmp_path) == tmp_path / "users.yaml"


async def test_a_certificate_is_known_by_its_thumbprint(
    start: Start, tmp_path: Path, registry: CollectorRegistry
) -> None:
    own = own_identities(tmp_path / "own", (), "carla")[0].certificate.read_bytes()
    other = own_identities(tmp_path / "other", (), "carla")[0].certificate.read_bytes()
    users = start()
    for algorithm in ("sha1", "sha256"):
        thumbprint = hashlib.new(algorithm, own).hexdigest()
        put(tmp_path, algorithm, "Supervisor", hashed=None, thumbprint=thumbprint)
        user = await users.by_certificate(own, HERE)
        assert (user.name, "Supervisor" in user.roles, users.still_allowed(user)) == (algorithm, True, True)
        remove(tmp_path, algorithm)
        with pytest.raises(LoginRefused) as error:
            await users.by_certificate(own, HERE)
        assert error.value.code == ua.StatusCodes.BadIdentityTokenRejected
        assert not users.still_allowed(user)
    with pytest.raises(LoginRefused, match="certificate of no user"):
        await users.by_certificate(other, HERE)
    assert count(registry, "certificate of no user") == 3.0


async def test_anonymous_has_the_roles_of_the_settings(start: Start, tmp_path: Path) -> None:
    assert set(get_args(Role)) == ALL_ROLES
    with pytest.raises(LoginRefused) as error:
        start().as_anonymous()
    assert error.value.code == ua.StatusCodes.BadIdentityTokenRejected
    for given, roles in (
        ({"server.listen": "127.0.0.1"}, ALL_ROLES),
        ({"server.listen": "0.0.0.0", "server.anonymous_roles": ["Observer"]}, {"Observer"}),
    ):
        users = users_of(load_settings(overrides=given, env={}).server, tmp_path, CollectorRegistry())
        assert users.as_anonymous().roles == {*roles, "Anonymous"}


async def test_the_line_of_passwords_is_bounded_and_one_address_leaves_room() -> None:
    checks = PasswordChecks()

    async def try_from(address: str) -> bool:
        try:
            return not await checks.matches("wrong", HASH, address)
        except TooManyLogins:
            return False

    attempts = [asyncio.create_task(try_from(HERE)) for _ in range(MOST_OF_ONE_ADDRESS + 5)]
    attempts += [asyncio.create_task(try_from(f"10.1.0.{number}")) for number in range(MOST_WAITING)]
    await asyncio.sleep(0)
    for attempt in attempts[:MOST_OF_ONE_ADDRESS]:
        attempt.cancel()  # gone, and still in the line: there is no room made by going
    assert not await try_from(THERE)
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(isinstance(each, asyncio.CancelledError) for each in done) == MOST_OF_ONE_ADDRESS
    assert done.count(True) == MOST_WAITING - MOST_OF_ONE_ADDRESS
    assert await checks.matches("correct horse", HASH, HERE)
    assert not checks._waiting


async def test_the_loop_turns_while_passwords_are_hashed(start: Start) -> None:
    users = start()
    logins = [asyncio.create_task(users.by_password("anna", RIGHT, HERE)) for _ in range(4)]
    turns = 0
    while not all(login.done() for login in logins):
        await asyncio.sleep(0)
        turns += 1
    await asyncio.gather(*logins)
    assert turns > 200


def test_many_lines_become_few_that_say_how_many(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    rate = LogRate(logging.getLogger("test"), lambda: now)
    for number in range(MOST_LINES + 30):
        rate.warn("line %d", number)
    assert len(caplog.records) == MOST_LINES
    now += PERIOD_S
    rate.warn("later")
    assert [record.getMessage() for record in caplog.records[-2:]] == ["30 lines like the next were left out", "later"]


async def test_no_password_and_no_endless_name_in_the_log(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    users = start(login={"failures": 1})
    await refused(users, "anna", "my-secret-word")
    await refused(users, "n" * 10_000 + "\n2026 fake line", "my-secret-word", THERE)
    assert "login of user 'anna' from 10.0.0.5 refused: wrong password" in caplog.text
    assert "logins of user 'anna' from 10.0.0.5 are locked for 60 s" in caplog.text
    assert "my-secret-word" not in caplog.text
    assert "fake line" not in caplog.text
    assert "$argon2" not in caplog.text
    assert os.linesep + "2026" not in caplog.text
