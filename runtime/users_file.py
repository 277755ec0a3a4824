"""The users file: who may log in to the OPC UA server, with which roles and by what; never a password."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import AfterValidator, SecretStr, ValidationError

from runtime.errors import BadInput, CouldNotRun
from runtime.passwords import check_hash
from runtime.refusals import explain
from runtime.section import Section
from runtime.settings import Role, ServerSettings
from runtime.whole_files import write_private
from runtime.yaml_tree import parse

SERVICES = ("controller", "historian", "detector", "gateway")
"""Names of our own services' logins, whose secrets lie in DATA/secrets."""
LONGEST_NAME = 64
_HEADER = "# Who may log in to the OPC UA server: changed by `cstr-gateway users`, in effect without a restart.\n"
_THUMBPRINT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def _check_thumbprint(text: str) -> str:
    digits = re.sub(r"[\s:]", "", text).lower()
    if not _THUMBPRINT.fullmatch(digits):
        message = "allowed is a certificate's thumbprint, SHA-1 (40 hex digits) or SHA-256 (64), in quotes"
        raise ValueError(message)
    return digits


def _check_roles(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    if not roles:
        message = f"allowed are one or more of {', '.join(get_args(Role))}"
        raise ValueError(message)
    return roles


def _check_hash(hashed: SecretStr) -> SecretStr:
    check_hash(hashed.get_secret_value())
    return hashed


class User(Section):
    """A user, who logs in by a password, by a certificate, or by either."""

    roles: Annotated[tuple[Role, ...], AfterValidator(_check_roles)]
    """Without those that everybody has who is logged in."""
    hash: Annotated[SecretStr, AfterValidator(_check_hash)] | None = None
    """Of the password."""
    thumbprint: Annotated[str, AfterValidator(_check_thumbprint)] | None = None
    """Of the user's X509 certificate."""


def users_path(server: ServerSettings, data: Path) -> Path:
    """Return where the users file is: as the settings say, or DATA/users.yaml."""
    return server.users or data / "users.yaml"


def check_name(name: object) -> str:
    """Return a user's name.

    Raises:
        ValueError: saying what is allowed.
    """
    if not isinstance(name, str):
        message = f"user {name!r}: allowed is a text as a name; write it in quotes"
        raise ValueError(message)  # noqa: TRY004 - told as bad input
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        message = f"user {name!r}: allowed is a name of 1 to {LONGEST_NAME} printable characters"
        raise ValueError(message)
    if name in SERVICES:
        message = f"user {name!r}: is one of our services ({', '.join(SERVICES)}); choose another name"
        raise ValueError(message)
    return name


def read_users(path: Path) -> dict[str, User]:
    """Return the users by name; none when the file is not there.

    Raises:
        BadInput: naming file, user, key and what is allowed, one line each, and never a hash.
    """
    try:
        tree = parse(_read_private(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); it holds the users of the OPC UA server") from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}") from None
    if not isinstance(tree or {}, dict):
        raise BadInput(f"{path}: allowed is a mapping of user names, each to {', '.join(User.model_fields)}")
    return _check(path, tree or {})


def check_users(server: ServerSettings, data: Path) -> None:
    """Refuse a users file that the server would refuse at its start.

    Raises:
        BadInput: as `read_users`, or naming the file that the settings name and that is not there.
    """
    if server.users is not None and not server.users.exists():
        message = (
            f"server.users: {server.users} is not there; `cstr-gateway users add NAME --role Operator` with the same "
            "--config makes it, or leave it null"
        )
        raise BadInput(message)
    read_users(users_path(server, data))


@contextlib.contextmanager
def changed_users(path: Path) -> Iterator[dict[str, User]]:
    """Yield the users to change, and write them at the end; one at a time, so that none is lost.

    Raises:
        BadInput: as `read_users`, of what is there and of what would be written.
        CouldNotRun: when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror}); name a directory of your own with --data"
        raise CouldNotRun(message) from None
    with os.fdopen(descriptor, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        users = read_users(path)
        yield users
        tree = _plain(users)
        _check(path, tree)
        write_private(path, _HEADER + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def _check(path: Path, tree: Mapping[Any, Any]) -> dict[str, User]:
    users: dict[str, User] = {}
    wrong: list[str] = []
    owners: dict[str, object] = {}
    for name, entry in tree.items():
        try:
            user = users[check_name(name)] = User.model_validate(entry)
        except ValidationError as error:
            wrong += [f"user {name!r}: {explain(User, item).removeprefix(': ')}" for item in error.errors()]
            continue
        except ValueError as error:
            wrong.append(str(error))
            continue
        if user.hash is None and user.thumbprint is None:
            wrong.append(f"user {name!r}: has neither hash nor thumbprint; set one by `cstr-gateway users passwd`")
        if user.thumbprint is not None and (owner := owners.setdefault(user.thumbprint, name)) != name:
            wrong.append(f"user {name!r}: thumbprint: is that of {owner!r} too; give each user a certificate")
    if wrong:
        raise BadInput("\n".join(f"{path}: {text}" for text in wrong))
    return users


def _read_private(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid():
            owner, runner = _account(status.st_uid), _account(os.getuid())
            message = f"belongs to {owner}, not to {runner}, who runs this; chown it to whom the server runs as"
            raise ValueError(message)
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(status.st_mode)
            message = f"others may read or write it (mode {mode:04o}); allowed is 0600: chmod 600 {path}"
            raise ValueError(message)
        return file.read()


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _plain(users: Mapping[str, User]) -> dict[str, dict[str, object]]:
    tree: dict[str, dict[str, object]] = {}
    for name, user in users.items():
        tree[name] = {"roles": list(user.roles)}
        if user.hash is not None:
            tree[name]["hash"] = user.hash.get_secret_value()
        if user.thumbprint is not None:
            tree[name]["thumbprint"] = user.thumbprint
    return tree
