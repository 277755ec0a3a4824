"""A login takes a while: what happens to its session meanwhile, and to those who wait behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from opcua_server.session import PlantUser
from opcua_server.users import Users
from runtime.running import secret as stored

from ..conformity.services import T, read, read_request, rvid, service_result
from ..conformity.wire import ANSWER_S, ANYBODY, Application, Connection, Session, begin
from ..conftest import Serving
from .applications import der, trust
from .tokens import user_name

SHORTEST_TIMEOUT_S = 5.0


@dataclass
class Gate:
    """Behind which passwords are checked; it tells how many wait."""

    opened: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def are_waiting(self, count: int) -> None:
        """Wait until so many do."""
        async with asyncio.timeout(ANSWER_S):
            while self.waiting != count:
                self._changed.clear()
                await self._changed.wait()

    async def wait(self) -> None:
        self._count(1)
        try:
            await self.opened.wait()
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self.waiting += change
        self._changed.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate, check = Gate(), Users.by_password

    async def by_password(self: Users, name: str, password: str, peer: str) -> PlantUser:
        await gate.wait()
        return await check(self, name, password, peer)

    monkeypatch.setattr(Users, "by_password", by_password)
    return gate


@pytest.fixture
async def endpoint(serving: Serving, caplog: pytest.LogCaptureFixture, data: Path, known: Application) -> Any:
    """A server in the test's own process, in whose log no exception may stand when the test is over."""
    trust(data / "pki", der(known))
    async with serving() as endpoint:
        yield endpoint
    assert [record.getMessage() for record in caplog.get_records("call") if record.exc_info] == []


@pytest.fixture
def password(data: Path, endpoint: str) -> str:
    """That of the detector."""
    del endpoint  # which has made it
    return stored(data / "secrets" / "detector")


@pytest.fixture(params=["secured", "None"])
def client(request: pytest.FixtureRequest, known: Application) -> Application:
    return known if request.param == "secured" else ANYBODY


@pytest.fixture
async def dial(endpoint: str) -> AsyncIterator[Any]:
    opened: list[Connection] = []

    async def open_connection(client: Application) -> Connection:
        opened.append(await Connection.open(endpoint, client))
        return opened[-1]

    yield open_connection
    for connection in opened:
        await connection.drop()


def login(session: Session, password: str, connection: Connection | None = None) -> asyncio.Future[Any]:
    """Begin to log in as the detector; the future is the answer."""
    over = connection or session.connection
    request = session.activation(over, UserIdentityToken=user_name(session, "detector", password))
    return over.send(request, session.token)


async def used(session: Session, connection: Connection) -> str:
    return await service_result(connection.send(read_request(rvid(T)), session.token))


async def test_others_are_served_while_one_logs_in(gate: Gate, dial: Any, client: Application, password: str) -> None:
    session = await Session.create(await dial(client), client)
    answer = login(session, password)
    behind = session.send(read_request(rvid(T)))
    await gate.are_waiting(1)
    bystander = await begin(await dial(client), client)
    assert (await read(bystander, T))[0].StatusCode.is_good()
    assert not answer.done()
    assert not behind.done()
    gate.opened.set()
    assert await service_result(answer) == "Good"
    assert await service_result(behind) == "Good"


async def test_a_login_ends_with_its_connection(gate: Gate, dial: Any, client: Application, password: str) -> None:
    session = await Session.create(await dial(client), client)
    answer = login(session, password)
    await gate.are_waiting(1)
    await session.connection.drop()
    assert isinstance(answer.exception(), ConnectionError)
    await gate.are_waiting(0)
    assert await session.activate(await dial(client)) == "BadSessionIdInvalid"


async def test_another_user_who_does_not_get_in_leaves_the_first(
    gate: Gate, dial: Any, client: Application, password: str
) -> None:
    session = await begin(await dial(client), client)
    login(session, password)
    await gate.are_waiting(1)
    await session.connection.drop()
    await gate.are_waiting(0)
    assert await session.activate(await dial(client)) == "Good"  # who is anonymous still
    assert (await read(session, T))[0].StatusCode.is_good()


async def test_nobody_else_closes_a_session_that_is_logging_in(
    gate: Gate, dial: Any, client: Application, password: str
) -> None:
    session = await Session.create(await dial(client), client)
    answer = login(session, password)
    await gate.are_waiting(1)
    stranger = await dial(client)
    closing = stranger.send(ua.CloseSessionRequest(DeleteSubscriptions=True), session.token)
    assert await service_result(closing) == "BadSessionIdInvalid"
    assert await session.activate(stranger) == "BadSecureChannelIdInvalid"
    gate.opened.set()
    assert await service_result(answer) == "Good"
    assert await used(session, session.connection) == "Good"


async def test_a_session_that_times_out_while_it_is_logging_in_is_not_activated(
    gate: Gate, dial: Any, client: Application, password: str
) -> None:
    session = await Session.create(await dial(client), client, timeout_ms=1.0)
    answer = login(session, password)
    await gate.are_waiting(1)
    await asyncio.sleep(SHORTEST_TIMEOUT_S + 0.5)
    gate.opened.set()
    assert await service_result(answer) == "BadSessionIdInvalid"
    assert await used(session, session.connection) == "BadSessionIdInvalid"


async def test_of_two_connections_that_take_a_session_over_one_gets_it(
    gate: Gate, dial: Any, client: Application, password: str
) -> None:
    session = await begin(await dial(client), client)
    gate.opened.set()
    own = login(session, password)
    assert await service_result(own) == "Good"
    session.nonce = own.result().Parameters.ServerNonce
    gate.opened.clear()
    connections = [await dial(client), await dial(client)]
    answers = [login(session, password, each) for each in connections]
    await gate.are_waiting(2)
    gate.opened.set()
    results = [await service_result(each) for each in answers]
    assert sorted(results) == ["BadSessionIdInvalid", "Good"]
    for result, connection in zip(results, connections, strict=True):
        assert await used(session, connection) == result
    assert await used(session, session.connection) == "BadSessionIdInvalid"


async def test_who_changes_the_user_does_not_take_the_session_back(gate: Gate, dial: Any, password: str) -> None:
    """Without security nothing but the nonce tells that the session has moved meanwhile."""
    session = await begin(await dial(ANYBODY))
    old = session.connection
    answer = login(session, password)
    await gate.are_waiting(1)
    assert await session.activate(await dial(ANYBODY)) == "Good"
    gate.opened.set()
    assert await service_result(answer) == "BadSessionIdInvalid"
    assert await used(session, old) == "BadSessionIdInvalid"
    assert await used(session, session.connection) == "Good"


async def test_a_server_that_ends_does_not_wait_for_logins(
    serving: Serving, gate: Gate, known: Application, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trust(data / "pki", der(known))
    async with serving() as endpoint:
        connection = await Connection.open(endpoint, known)
        session = await Session.create(connection, known)
        answer = login(session, "whatever")
        await gate.are_waiting(1)
    await gate.are_waiting(0)  # though it was never opened
    await connection.lost()
    assert isinstance(answer.exception(), ConnectionError)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
