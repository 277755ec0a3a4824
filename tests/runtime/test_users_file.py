"""The users file: what may stand there, who may read it, and that no change loses another."""

from __future__ import annotations

import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from runtime.errors import BadInput
from runtime.passwords import check_hash, hash_password, is_password
from runtime.settings_file import load_settings
from runtime.users_file import User, changed_users, check_users, read_users, users_path

HASH = hash_password("correct horse")
SHA1, SHA256 = "ab" * 20, "0c" * 32


def users_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "users.yaml"
    path.write_text(text)
    path.chmod(mode)
    return path


def user(*roles: str) -> User:
    return User.model_validate({"roles": roles, "hash": HASH})


def test_passwords_are_kept_as_argon2id_and_known_again() -> None:
    assert HASH.startswith("$argon2id$")
    assert "correct horse" not in HASH
    assert is_password("correct horse", HASH)
    assert not is_password("correct horsf", HASH)
    assert hash_password("correct horse") != HASH, "each hash has a salt of its own"


def test_an_umlaut_is_the_same_however_it_is_written() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Kühlmittel") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert is_password(decomposed, hash_password(composed))


@pytest.mark.parametrize("text", ["geheim12", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA", ""])
def test_what_is_no_argon2id_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="argon2id"):
        check_hash(text)


def test_a_file_that_is_not_there_has_no_users(tmp_path: Path) -> None:
    assert read_users(tmp_path / "users.yaml") == {}
    assert read_users(users_file(tmp_path, "")) == {}


def test_users_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "users.yaml"
    given = {
        "anna": user("Operator", "Engineer"),
        "Jörg Ö.": User.model_validate({"roles": ["Observer"], "thumbprint": SHA256}),
        "yes": user("Observer"),
        "1": User(roles=("Observer",), hash=SecretStr(HASH), thumbprint=SHA1),
    }
    with changed_users(path) as users:
        users.update(given)
    assert read_users(path) == given
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Jörg" in path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"anna: {{roles: [Operatr], hash: {HASH!r}}}", ["user 'anna': roles.0: 'Operatr'", "'Operator'"]),
        (f"anna: {{roles: Operator, hash: {HASH!r}}}", ["user 'anna': roles: 'Operator': allowed is a list"]),
        (f"anna: {{roles: [], hash: {HASH!r}}}", ["user 'anna': roles: ", "one or more of Observer"]),
        (f"anna: {{hash: {HASH!r}}}", ["user 'anna': roles: is missing"]),
        ("anna: {roles: [Operator]}", ["user 'anna'", "neither hash nor thumbprint"]),
        ("anna: {roles: [Operator], hash: geheim12}", ["user 'anna': hash: allowed is an argon2id hash"]),
        ("anna: {roles: [Operator], password: geheim12}", ["user 'anna': password: unknown key; allowed are roles"]),
        ("anna: geheim12", ["user 'anna': allowed is a mapping of roles, hash, thumbprint"]),
        ("anna: {roles: [Operator], thumbprint: abc}", ["user 'anna': thumbprint: 'abc'", "40 hex digits"]),
        (f"a: {{roles: [Observer], thumbprint: {SHA1}}}\nb: {{roles: [Observer], thumbprint: '{SHA1.upper()}'}}",
         ["user 'b': thumbprint: is that of 'a' too"]),
        (f"controller: {{roles: [Observer], hash: {HASH!r}}}", ["user 'controller'", "one of our services"]),
        (f"1: {{roles: [Observer], hash: {HASH!r}}}", ["user 1: allowed is a text"]),
        (f"{'x' * 65}: {{roles: [Observer], hash: {HASH!r}}}", ["1 to 64 printable characters"]),
        (f'"a\\nb": {{roles: [Observer], hash: {HASH!r}}}', [r"user 'a\nb'", "printable"]),
        (f'" a": {{roles: [Observer], hash: {HASH!r}}}', ["user ' a'"]),
        ("a: {roles: [Operator]}\na: {}", ["line 2, column 1", "'a' stands twice"]),
        ("[anna]", ["allowed is a mapping of user names"]),
        ("a: b: c", ["not YAML"]),
        ("a: {roles: [X]}\nb: {roles: [Y]}", ["user 'a': roles.0: 'X'", "user 'b': roles.0: 'Y'"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_without_a_secret(tmp_path: Path, text: str, said: list[str]) -> None:
    path = users_file(tmp_path, text)
    with pytest.raises(BadInput) as error:
        read_users(path)
    assert all(line.startswith(f"{path}: ") for line in str(error.value).splitlines())
    for words in said:
        assert words in str(error.value)
    assert "geheim" not in str(error.value)
    assert HASH not in str(error.value)


def test_one_mistake_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        read_users(users_file(tmp_path, f"anna: {{roles: [Operatr], hash: {HASH!r}}}"))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = users_file(tmp_path, "", mode)
    with pytest.raises(BadInput, match=rf"others may read or write it \(mode {mode:04o}\); allowed is 0600: chmod 600"):
        read_users(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = users_file(tmp_path, "")
    os.chown(path, 65534, 65534)
    with pytest.raises(BadInput, match=r"belongs to nobody, not to root"):
        read_users(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_users(tmp_path)


def test_a_change_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    with changed_users(path) as users:
        users["anna"] = user("Operator")
    before = path.read_text()
    with pytest.raises(KeyError), changed_users(path) as users:
        del users["anna"], users["nobody"]
    assert path.read_text() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".tmp")] == []


def test_changes_at_once_lose_nobody(tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"

    def add(name: str) -> None:
        with changed_users(path) as users:
            users[name] = user("Observer")

    names = [f"user{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, names))
    assert sorted(read_users(path)) == sorted(names)


def test_the_settings_may_name_another_file_which_must_be_there_at_the_start(tmp_path: Path) -> None:
    assert users_path(load_settings(env={}).server, tmp_path) == tmp_path / "users.yaml"
    check_users(load_settings(env={}).server, tmp_path)
    elsewhere = tmp_path / "elsewhere.yaml"
    server = load_settings(overrides={"server.users": str(elsewhere)}, env={}).server
    assert users_path(server, tmp_path) == elsewhere
    with pytest.raises(BadInput, match=r"server\.users: .*elsewhere\.yaml is not there; `cstr-gateway users add"):
        check_users(server, tmp_path)
    elsewhere.write_text("anna: 1")
    elsewhere.chmod(0o600)
    with pytest.raises(BadInput, match="anna"):
        check_users(server, tmp_path)
