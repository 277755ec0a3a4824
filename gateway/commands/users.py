"""`cstr-gateway users`: who may log in to the OPC UA server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import SecretStr

from gateway.output import FormatOption, print_rows
from runtime.errors import BadInput, GatewayError
from runtime.settings import Role
from runtime.settings_file import load_settings
from runtime.users_file import User, changed_users, check_name, read_users, users_path

COLUMNS = ("name", "roles", "password", "thumbprint")
_ROLES = ", ".join(get_args(Role))

Name = Annotated[str, typer.Argument(help="Of the user.")]
Data = Annotated[Path, typer.Option(help="Data directory; the users are in its users.yaml.")]
Config = Annotated[Path | None, typer.Option(help="Settings file, when its server.users names another file.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True)
    for command in (add, remove, passwd):
        group.command(command.__name__)(command)
    group.command("list")(list_users)
    app.add_typer(
        group,
        name="users",
        help="Who may log in to the OPC UA server; changes take effect at once, without a restart.\n\n"
        "Example: cstr-gateway users add anna --role Operator",
    )


def add(
    name: Name,
    role: Annotated[list[str], typer.Option(help=f"May be given several times: {_ROLES}.")],
    certificate: Annotated[
        Path | None, typer.Option(help="The user's X509 certificate (DER or PEM), who logs in by it, not a password.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a user of that name.")] = False,
    data: Data = Path("data"),
    config: Config = None,
) -> None:
    """Let a user log in; the password is asked for, or is the first line of standard input.

    Example: cstr-gateway users add anna --role Operator --role Engineer
    """
    path = _path(config, data)
    _check(name, role)
    if not replace:
        _check_new(name, read_users(path), path)
    if certificate is not None:
        user = User.model_validate({"roles": role, "thumbprint": _thumbprint(certificate)})
    else:
        user = User.model_validate({"roles": role, "hash": _new_hash(name)})
    with changed_users(path) as users:
        if not replace:
            _check_new(name, users, path)
        users[name] = user
    print(f"{name} may log in as {', '.join(role)} ({path})", file=sys.stderr)


def remove(name: Name, data: Data = Path("data"), config: Config = None) -> None:
    """Let a user log in no longer; the user's sessions end.

    Example: cstr-gateway users remove anna
    """
    path = _path(config, data)
    with changed_users(path) as users:
        _check_known(name, users, path)
        del users[name]
    print(f"{name} may log in no longer ({path})", file=sys.stderr)


def passwd(name: Name, data: Data = Path("data"), config: Config = None) -> None:
    """Give a user another password, asked for as `add` does; the user's sessions end.

    Example: cstr-gateway users passwd anna
    """
    path = _path(config, data)
    _check_known(name, read_users(path), path)
    hashed = _new_hash(name)
    with changed_users(path) as users:
        _check_known(name, users, path)
        users[name] = users[name].model_copy(update={"hash": hashed})
    print(f"{name} has another password ({path})", file=sys.stderr)


def list_users(data: Data = Path("data"), config: Config = None, format: FormatOption = None) -> None:  # noqa: A002
    """List the users: name, roles, whether there is a password, thumbprint of the certificate.

    Example: cstr-gateway users list --format json
    """
    path = _path(config, data)
    if not path.exists() and not data.is_dir():
        message = f"{data}: there is no plant; give the data directory of one by --data, or add a user to make it"
        raise GatewayError(message)
    rows = [
        {
            "name": name,
            "roles": " ".join(user.roles),
            "password": "yes" if user.hash is not None else "no",
            "thumbprint": user.thumbprint,
        }
        for name, user in read_users(path).items()
    ]
    print_rows(rows, COLUMNS, format)


def _path(config: Path | None, data: Path) -> Path:
    return users_path(load_settings(config).server, data)


def _check(name: str, roles: list[str]) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise BadInput(f"users: {error}") from None
    for role in roles:
        if role not in get_args(Role):
            message = f"--role {role!r}: allowed are {_ROLES}"
            raise BadInput(message)


def _check_new(name: str, users: dict[str, User], path: Path) -> None:
    if name in users:
        message = f"users: {name!r} stands in {path}; --replace takes its place, `users passwd` changes the password"
        raise BadInput(message)


def _check_known(name: str, users: dict[str, User], path: Path) -> None:
    if name not in users:
        known = ", ".join(users) or "nobody; `cstr-gateway users add` does it"
        message = f"users: {name!r} does not stand in {path}; there: {known}"
        raise GatewayError(message)


def _new_hash(name: str) -> SecretStr:
    from runtime.passwords import LONGEST, SHORTEST, hash_password

    password = _ask(name) if sys.stdin.isatty() else _first_line()
    if not SHORTEST <= len(password) <= LONGEST:
        allowed = f"allowed are {SHORTEST} to {LONGEST}"
        message = f"users: the password of {name!r} has {len(password)} characters; {allowed}"
        raise BadInput(message)
    return SecretStr(hash_password(password))


def _ask(name: str) -> str:
    password: str = typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _first_line() -> str:
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadInput("users: the password on standard input is not UTF-8 text") from None


def _thumbprint(certificate: Path) -> str:
    from runtime.pki.store import UNREADABLE, fingerprint, parse_certificate, read_bytes

    try:
        return fingerprint(parse_certificate(read_bytes(certificate)))
    except UNREADABLE as error:
        reason = getattr(error, "strerror", None) or error
        message = f"--certificate {certificate}: {reason}; allowed is an X509 certificate, DER or PEM"
        raise BadInput(message) from None
