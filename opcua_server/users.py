"""Who may log in, and with which roles."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets as random_secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from asyncua import ua
from asyncua.crypto.permission_rules import UserRole
from prometheus_client import CollectorRegistry, Counter

from opcua_server.access.roles import ALL_ROLES, ANONYMOUS, AUTHENTICATED_USER, IdentityRule
from opcua_server.known_users import KnownUsers
from opcua_server.lockout import LONGEST_DELAY_S, Lockout
from opcua_server.log_rate import LogRate
from opcua_server.password_checks import PasswordChecks, TooManyLogins
from opcua_server.session import PlantUser
from runtime.passwords import hash_password
from runtime.running import secret
from runtime.settings import ServerSettings
from runtime.users_file import User, check_users, users_path

log = logging.getLogger("server")

SERVICE_ROLES = {
    "controller": frozenset({"Observer", "Controller"}),
    "historian": frozenset({"Observer", "Operator"}),
    "detector": frozenset({"Observer", "Detector"}),
    "gateway": frozenset({"Observer", "Engineer"}),
}
"""The services' own logins, and that of the commands of who owns the data directory; the historian writes what MQTT
commands ask for."""
EVERYBODY = frozenset({ANONYMOUS})
"""The role of every session (OPC 10000-18 v1.05 §4.3)."""
LOGGED_IN = EVERYBODY | {AUTHENTICATED_USER}
"""The roles of every session with a user (OPC 10000-3 v1.05 §4.9.1)."""
LOOK_EVERY_S = 1.0
_LONGEST_SHOWN = 64


class LoginRefused(Exception):  # noqa: N818
    """A login is refused: the StatusCode that the client gets, and a reason for the log, which it does not get."""

    def __init__(self, code: int, reason: str, delay_s: float = 0.0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.delay_s = delay_s
        """The answer waits so long."""


class Users:
    """Checks identity tokens."""

    def __init__(
        self,
        known: KnownUsers,
        secrets: Path,
        anonymous: frozenset[str],
        lockout: Lockout,
        registry: CollectorRegistry,
    ) -> None:
        self._known = known
        self._secrets = secrets
        self.anonymous = anonymous
        """Roles of who does not log in; empty: refused."""
        self._lockout = lockout
        self._checks = PasswordChecks()
        self._reading = asyncio.Lock()
        self._nobody = hash_password(random_secrets.token_urlsafe())
        """Compared with the password of a user who is not known, so that the answer takes as long."""
        self._lines = LogRate(log, time.monotonic)
        self._refused = Counter("cstr_logins_refused", "Logins refused.", ["reason"], registry=registry)

    def as_anonymous(self) -> PlantUser:
        """Return who does not log in.

        Raises:
            LoginRefused: where everybody has to.
        """
        if not self.anonymous:
            raise self._refusal(ua.StatusCodes.BadIdentityTokenRejected, "anonymous")
        return PlantUser(role=UserRole.User, roles=self.anonymous | EVERYBODY)

    async def by_password(self, name: str, password: str, peer: str) -> PlantUser:
        """Return the user of a UserNameIdentityToken; `peer` is the client's address.

        Raises:
            LoginRefused: after a while that grows with each failure.
        """
        try:
            if name in SERVICE_ROLES:
                return self._service(name, password, peer)
            self._check_lock(name, peer)
            await self._refresh()
            user, hashed = self._find(name)
            try:
                matches = await self._checks.matches(password, hashed, peer)
            except TooManyLogins:
                raise self._refusal(ua.StatusCodes.BadServerTooBusy, "too many at once", name, peer) from None
            self._check_lock(name, peer)
            return self._judge(name, peer, user, matches=matches)
        except LoginRefused as refused:
            await asyncio.sleep(refused.delay_s)
            raise

    async def by_certificate(self, certificate: bytes, peer: str) -> PlantUser:
        """Return the user of an X509IdentityToken, whose certificate (DER) is trusted and signed for already.

        Raises:
            LoginRefused: when it is no user's.
        """
        await self._refresh()
        found = self._known.of_certificate(certificate)
        if found is None:
            raise self._refusal(ua.StatusCodes.BadIdentityTokenRejected, "certificate of no user", peer=peer)
        return _logged_in(*found)

    def identity_rules(self) -> Iterator[IdentityRule]:
        """Yield who gets which roles."""
        yield IdentityRule(ua.IdentityCriteriaType.Anonymous, "", self.anonymous)
        for name, roles in SERVICE_ROLES.items():
            yield IdentityRule(ua.IdentityCriteriaType.UserName, name, roles)
        for name, user in self._known.by_name.items():
            if user.hash is not None:
                yield IdentityRule(ua.IdentityCriteriaType.UserName, name, frozenset(user.roles))
            if user.thumbprint is not None:
                thumbprint = user.thumbprint.upper()
                yield IdentityRule(ua.IdentityCriteriaType.Thumbprint, thumbprint, frozenset(user.roles))

    def still_allowed(self, user: PlantUser) -> bool:
        """Tell whether the users file still says of a user what it said at the login.

        Of who was removed, "all Sessions and Subscriptions" are to be closed (OPC 10000-18 v1.05 §5.2.7); who has got
        another password or other roles logs in again.
        """
        return user.entry is None or self._known.by_name.get(user.name or "") == user.entry

    async def watch(self, look: Callable[[], None]) -> None:
        """Follow the users file until cancelled; `look` comes after each look at it."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._refresh()
            look()

    async def _refresh(self) -> None:
        async with self._reading:
            await asyncio.to_thread(self._known.refresh)

    def _find(self, name: str) -> tuple[User | None, str]:
        """Return the user who logs in by a password, and the hash to compare with."""
        user = self._known.by_name.get(name)
        if user is None or user.hash is None:
            return None, self._nobody
        return user, user.hash.get_secret_value()

    def _judge(self, name: str, peer: str, user: User | None, *, matches: bool) -> PlantUser:
        if user is not None and matches:
            self._lockout.succeeded(name, peer)
            return _logged_in(name, user)
        penalty = self._lockout.failed(name, peer)
        if penalty.lock_s:
            self._lines.warn("logins of user %r from %s are locked for %.0f s", _shown(name), peer, penalty.lock_s)
        reason = "no such user" if user is None else "wrong password"
        raise self._refusal(ua.StatusCodes.BadUserAccessDenied, reason, name, peer, penalty.delay_s)

    def _check_lock(self, name: str, peer: str) -> None:
        if self._lockout.locked_s(name, peer):
            self._refused.labels("locked").inc()  # and not logged: its beginning was
            raise LoginRefused(ua.StatusCodes.BadUserAccessDenied, "locked")

    def _service(self, name: str, password: str, peer: str) -> PlantUser:
        """Return one of our services: its secret is 192 random bits, which neither a hash nor a lock makes safer."""
        try:
            expected = secret(self._secrets / name)
        except (OSError, UnicodeDecodeError) as error:
            log.error("login of %s refused: %s: %s", name, self._secrets / name, error)
            expected = ""
        if not expected or not hmac.compare_digest(expected.encode(), password.encode()):
            raise self._refusal(ua.StatusCodes.BadUserAccessDenied, "wrong secret", name, peer, LONGEST_DELAY_S)
        return PlantUser(role=UserRole.User, name=name, roles=SERVICE_ROLES[name] | LOGGED_IN)

    def _refusal(self, code: int, reason: str, name: str = "", peer: str = "", delay_s: float = 0.0) -> LoginRefused:
        self._refused.labels(reason).inc()
        self._lines.warn("login of user %r from %s refused: %s", _shown(name), peer or "?", reason)
        return LoginRefused(code, reason, delay_s)


def users_of(settings: ServerSettings, data: Path, registry: CollectorRegistry) -> Users:
    """Return the users of the users file and the services' own, whose secrets are made at first use.

    Raises:
        BadInput: naming what is wrong in the users file.
    """
    check_users(settings, data)
    for name in SERVICE_ROLES:
        secret(data / "secrets" / name)
    anonymous: frozenset[str] = ALL_ROLES if settings.on_loopback else frozenset()
    if settings.anonymous_roles is not None:
        anonymous = frozenset(settings.anonymous_roles)
    known = KnownUsers(users_path(settings, data))
    return Users(known, data / "secrets", anonymous, Lockout(settings.login, time.monotonic), registry)


def _logged_in(name: str, user: User) -> PlantUser:
    return PlantUser(role=UserRole.User, name=name, roles=frozenset(user.roles) | LOGGED_IN, entry=user)


def _shown(name: str) -> str:
    return name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
