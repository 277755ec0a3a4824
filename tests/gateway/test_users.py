"""`cstr-gateway users`: who may log in, by what people and scripts type."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import make_app
from runtime.errors import BadInput, CouldNotRun, GatewayError
from runtime.passwords import is_password
from runtime.pki.own import own_identities
from runtime.users_file import read_users

COMMAND = str(Path(sys.executable).parent / "cstr-gateway")
RIGHT = "correct horse"


def users(data: Path, *words: str, password: str | bytes = RIGHT) -> Result:
    return CliRunner().invoke(make_app(), ["users", *words, "--data", str(data)], input=password)


def fails(data: Path, *words: str, password: str | bytes = RIGHT) -> GatewayError:
    error = users(data, *words, password=password).exception
    assert isinstance(error, GatewayError)
    return error


def has_password(data: Path, name: str, password: str) -> bool:
    hashed = read_users(data / "users.yaml")[name].hash
    return hashed is not None and is_password(password, hashed.get_secret_value())


@pytest.mark.parametrize("password", [RIGHT, f"{RIGHT}\n", f"{RIGHT}\r\n", f"{RIGHT}\nsecond line\n"])
def test_a_user_is_added_with_the_first_line_of_standard_input(tmp_path: Path, password: str) -> None:
    data = tmp_path / "not there yet"
    done = users(data, "add", "anna", "--role", "Operator", "--role", "Engineer", password=password)
    assert done.exit_code == 0, done.output
    assert (done.stdout, done.stderr) == ("", f"anna may log in as Operator, Engineer ({data}/users.yaml)\n")
    assert read_users(data / "users.yaml")["anna"].roles == ("Operator", "Engineer")
    assert has_password(data, "anna", RIGHT)
    assert RIGHT not in (data / "users.yaml").read_text()
    assert (data / "users.yaml").stat().st_mode & 0o777 == 0o600


def test_one_who_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    users(tmp_path, "add", "anna", "--role", "Operator")
    error = fails(tmp_path, "add", "anna", "--role", "Engineer", password="another one")
    assert isinstance(error, BadInput)
    assert "'anna' stands in" in str(error)
    assert "--replace" in str(error)
    assert has_password(tmp_path, "anna", RIGHT)
    assert users(tmp_path, "add", "anna", "--role", "Engineer", "--replace", password="another one").exit_code == 0
    assert read_users(tmp_path / "users.yaml")["anna"].roles == ("Engineer",)
    assert has_password(tmp_path, "anna", "another one")


@pytest.mark.parametrize(
    ("words", "password", "said"),
    [
        (["anna", "--role", "Operatr"], RIGHT, "--role 'Operatr': allowed are Observer, Operator"),
        (["anna", "--role", "Operator"], "short", "has 5 characters; allowed are 8 to 256"),
        (["anna", "--role", "Operator"], "x" * 257, "has 257 characters"),
        (["anna", "--role", "Operator"], "", "has 0 characters"),
        (["anna", "--role", "Operator"], b"\xff\xfe\xfd\n", "is not UTF-8 text"),
        (["historian", "--role", "Operator"], RIGHT, "'historian': is one of our services"),
        (["a\nb", "--role", "Operator"], RIGHT, "1 to 64 printable characters"),
        (["x" * 65, "--role", "Operator"], RIGHT, "1 to 64 printable characters"),
        (["anna", "--role", "Operator", "--certificate", "gone.der"], "", "--certificate gone.der: No such file"),
        (["anna", "--role", "Operator", "--certificate", __file__], "", "an X509 certificate, DER or PEM"),
    ],
)
def test_what_is_not_allowed_is_said_and_nobody_added(
    tmp_path: Path, words: list[str], password: str | bytes, said: str
) -> None:
    error = fails(tmp_path, "add", *words, password=password)
    assert isinstance(error, BadInput)
    assert said in str(error)
    assert read_users(tmp_path / "users.yaml") == {}


def test_a_user_of_a_certificate_needs_no_password_and_may_get_one(tmp_path: Path) -> None:
    der = own_identities(tmp_path / "pki", (), "carla")[0].certificate
    pem = tmp_path / "carla.pem"
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem.write_bytes(x509.load_der_x509_certificate(der.read_bytes()).public_bytes(Encoding.PEM))
    for file in (der, pem):
        data = tmp_path / file.suffix
        assert users(data, "add", "carla", "--role", "Observer", "--certificate", str(file), password="").exit_code == 0
    thumbprints = {read_users(tmp_path / each / "users.yaml")["carla"].thumbprint for each in (".der", ".pem")}
    assert len(thumbprints) == 1
    assert users(tmp_path / ".der", "passwd", "carla").exit_code == 0
    assert has_password(tmp_path / ".der", "carla", RIGHT)
    assert {read_users(tmp_path / ".der" / "users.yaml")["carla"].thumbprint} == thumbprints


def test_a_certificate_is_one_users(tmp_path: Path) -> None:
    certificate = str(own_identities(tmp_path / "pki", (), "carla")[0].certificate)
    users(tmp_path, "add", "carla", "--role", "Observer", "--certificate", certificate)
    error = fails(tmp_path, "add", "carl", "--role", "Observer", "--certificate", certificate)
    assert "is that of 'carla' too" in str(error)
    assert list(read_users(tmp_path / "users.yaml")) == ["carla"]


def test_removed_and_changed(tmp_path: Path) -> None:
    users(tmp_path, "add", "anna", "--role", "Operator")
    users(tmp_path, "add", "bert", "--role", "Observer")
    assert users(tmp_path, "passwd", "anna", password="another one").exit_code == 0
    assert has_password(tmp_path, "anna", "another one")
    assert users(tmp_path, "remove", "anna").exit_code == 0
    assert list(read_users(tmp_path / "users.yaml")) == ["bert"]
    for command in ("remove", "passwd"):
        error = fails(tmp_path, command, "anna")
        assert error.exit_code == 1
        assert "'anna' does not stand in" in str(error)
        assert "there: bert" in str(error)


def test_the_list_names_roles_and_how_they_log_in_but_no_hash(tmp_path: Path) -> None:
    users(tmp_path, "add", "anna", "--role", "Operator", "--role", "Engineer")
    rows = list(csv.DictReader(io.StringIO(users(tmp_path, "list").stdout)))
    assert rows == [{"name": "anna", "roles": "Operator Engineer", "password": "yes", "thumbprint": ""}]
    assert json.loads(users(tmp_path, "list", "--format", "json").stdout)[0]["name"] == "anna"
    assert "anna" in users(tmp_path, "list", "--format", "table").stdout
    assert "argon2" not in users(tmp_path, "list", "--format", "json").stdout


def test_a_data_directory_that_is_not_there_is_not_taken_for_an_empty_plant(tmp_path: Path) -> None:
    result = CliRunner().invoke(make_app(), ["users", "list", "--data", str(tmp_path / "typo")])
    assert isinstance(result.exception, GatewayError)
    assert "typo: there is no plant; give the data directory of one by --data" in str(result.exception)


def test_the_settings_say_which_file(tmp_path: Path) -> None:
    config = tmp_path / "plant.yaml"
    config.write_text(f"server: {{users: {tmp_path}/people.yaml}}\n")
    users(tmp_path, "add", "anna", "--role", "Operator", "--config", str(config))
    assert list(read_users(tmp_path / "people.yaml")) == ["anna"]
    assert not (tmp_path / "users.yaml").exists()


def test_a_bad_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    path.write_text("anna: {roles: [Operatr]}\n")
    path.chmod(0o600)
    assert "user 'anna': roles.0: 'Operatr'" in str(fails(tmp_path, "add", "bert", "--role", "Observer"))
    assert path.read_text() == "anna: {roles: [Operatr]}\n"


def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = fails(tmp_path / "file", "add", "anna", "--role", "Observer")
    assert isinstance(error, BadInput | CouldNotRun)
    assert str(tmp_path / "file" / "users.yaml") in str(error)


@pytest.mark.parametrize("words", [[], ["add"], ["remove"], ["passwd"], ["list"]])
def test_each_help_shows_an_example(words: list[str]) -> None:
    shown = " ".join(CliRunner().invoke(make_app(), ["users", *words, "--help"]).output.split())
    assert "Example: cstr-gateway users" in shown


def rest_of(terminal: int) -> bytes:
    """Return what is shown until the command has ended, and close the terminal."""
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells the end of a terminal
        while part := os.read(terminal, 1024):
            shown += part
    os.close(terminal)
    return shown


@pytest.mark.parametrize("typed", [[RIGHT, RIGHT], [RIGHT, "another one", RIGHT, RIGHT]])
def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path, typed: list[str]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(COMMAND, [COMMAND, "users", "add", "anna", "--role", "Operator", "--data", str(tmp_path)])
    shown = b""
    for number, word in enumerate(typed):
        while shown.count(b"Password of anna: ") + shown.count(b"Repeat for confirmation: ") <= number:
            shown += os.read(terminal, 1024)
        os.write(terminal, f"{word}\n".encode())
    shown += rest_of(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert has_password(tmp_path, "anna", RIGHT)
    assert RIGHT.encode() not in shown
    assert b"anna may log in as Operator" in shown


def test_commands_at_once_lose_nobody(tmp_path: Path) -> None:
    names = [f"user{number}" for number in range(4)]
    processes = [
        subprocess.Popen(
            [COMMAND, "users", "add", name, "--role", "Observer", "--data", str(tmp_path)], stdin=subprocess.PIPE
        )
        for name in names
    ]
    for process in processes:
        process.communicate(RIGHT.encode(), timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(read_users(tmp_path / "users.yaml")) == names
