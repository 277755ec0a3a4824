"""Who may log in, and with which roles."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import UserRole

from opcua_server.access.roles import ALL_ROLES, IdentityRule
from opcua_server.session import PlantUser
from runtime.errors import BadInput
from runtime.running import secret
from runtime.settings import ServerSettings

log = logging.getLogger("server")

SERVICE_ROLES = {
    "controller": frozenset({"Observer", "Controller"}),
    "historian": frozenset({"Observer", "Operator"}),
    "detector": frozenset({"Observer", "Detector"}),
    "gateway": frozenset({"Observer", "Engineer"}),
}
"""The services' own logins, and that of the commands of who owns the data directory; the historian writes what MQTT
commands ask for."""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name's password and roles; the password is read anew at each login, so that a file can be changed."""

    password: Callable[[], str]
    roles: frozenset[str]


class Users:
    """Checks identity tokens; stands where asyncua keeps its user manager."""

    def __init__(self, logins: dict[str, Login], anonymous: frozenset[str]) -> None:
        self._logins = logins
        self.anonymous = anonymous

    def get_user(
        self, iserver: object, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> PlantUser | None:
        """Return the user, or None to refuse."""
        del iserver, certificate
        if username is None:
            return PlantUser(role=UserRole.User, roles=self.anonymous) if self.anonymous else None
        login = self._logins.get(username)
        try:
            expected = login.password() if login is not None else ""
        except (BadInput, OSError) as error:
            log.error("login of user %r refused: %s", username, error)
            return None
        matches = hmac.compare_digest(expected.encode(), (password or "").encode())
        if login is None or not expected or not matches:
            log.warning("login of user %r refused", username)
            return None
        return PlantUser(role=UserRole.User, name=username, roles=login.roles)

    def identity_rules(self) -> Iterator[IdentityRule]:
        """Yield who gets which roles."""
        yield IdentityRule(ua.IdentityCriteriaType.Anonymous, "", self.anonymous)
        for name, login in self._logins.items():
            yield IdentityRule(ua.IdentityCriteriaType.UserName, name, login.roles)


def users_of(settings: ServerSettings, secrets: Path) -> Users:
    """Return the users of the settings and the services' own.

    Raises:
        BadInput: naming a password file that cannot be read or is empty.
    """
    logins = {name: Login(_secret_reader(secrets, name), roles) for name, roles in SERVICE_ROLES.items()}
    for user in settings.users:
        if user.name in logins:
            message = f"server.users: {user.name!r}: the name is a service's own or stands twice; choose another"
            raise BadInput(message)
        user.password()
        logins[user.name] = Login(user.password, frozenset(user.roles))
    anonymous: frozenset[str] = ALL_ROLES if settings.on_loopback else frozenset()
    if settings.anonymous_roles is not None:
        anonymous = frozenset(settings.anonymous_roles)
    return Users(logins, anonymous)


def _secret_reader(folder: Path, name: str) -> Callable[[], str]:
    secret(folder / name)
    return lambda: secret(folder / name)


class LoginRefused(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def _by_password(self: Users, name: str, password: str, peer: str) -> PlantUser:
    user = self.get_user(None, username=name, password=password)
    if user is None:
        raise LoginRefused(0x801F0000, name)
    return user


async def _by_certificate(self: Users, certificate: bytes, peer: str) -> PlantUser:
    raise LoginRefused(0x801F0000, "certificate")


def _as_anonymous(self: Users) -> PlantUser:
    user = self.get_user(None)
    if user is None:
        raise LoginRefused(0x801F0000, "anonymous")
    return user


Users.by_password, Users.by_certificate, Users.as_anonymous = _by_password, _by_certificate, _as_anonymous  # type: ignore
