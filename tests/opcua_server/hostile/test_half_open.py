"""Ten thousand who begin to connect and go no further: those who mean it get in, and the plant is scanned on time."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

from runtime.pki.own import application_uri, own_identities

from ..conformity.wire import Application, Connection, Session, begin, connected
from ..server_process import ServerProcess
from .sending import is_served

MANY = 10_000
AT_ONCE = 200
"""Connections of the attacker that are begun together..."""
KEPT = 900
"""...and that stay open, for a process has 1,024 files."""
ELSEWHERE = "127.0.0.2"
"""The attacker's address."""
GROWTH_BYTES = 200 << 20
GETS_IN_S = 10.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("half-open")


@pytest.fixture(scope="module")
def server_process(folder: Path) -> Iterator[ServerProcess]:
    """A server that takes fewer connections than the attacker holds open."""
    settings = {"SERVER__LOCKSTEP": "false", "SERVER__LIMITS__CONNECTIONS": 500}
    process = ServerProcess(folder, settings=settings)
    process.endpoint()
    yield process
    process.stop()
    assert "Traceback" not in process.log(), process.log()


@pytest.fixture(scope="module", autouse=True)
def files() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))


def _greeting(endpoint: str) -> bytes:
    return uatcp_to_binary(ua.MessageType.Hello, ua.Hello(EndpointUrl=endpoint))


def _opening(endpoint: str) -> bytes:
    """Return a Hello and an OpenSecureChannel without security."""
    parameters = ua.OpenSecureChannelParameters(SecurityMode=ua.MessageSecurityMode.None_, ClientNonce=b"")
    body = struct_to_binary(ua.OpenSecureChannelRequest(Parameters=parameters))
    policy = b"http://opcfoundation.org/UA/SecurityPolicy#None"
    rest = struct.pack("<i", len(policy)) + policy + struct.pack("<iiII", -1, -1, 1, 1) + body
    return _greeting(endpoint) + b"OPNF" + struct.pack("<II", 12 + len(rest), 0) + rest


class Attacker:
    """Holds the connections of one address."""

    def __init__(self, endpoint: str, address: str, says: bytes) -> None:
        url = urlsplit(endpoint)
        self._server, self._address, self._says = (url.hostname, url.port), address, says
        self._open: list[socket.socket] = []

    async def attack(self) -> None:
        """Begin so many connections; the oldest are let go for new ones."""
        for _ in range(MANY // AT_ONCE):
            await asyncio.gather(*(self._connect() for _ in range(AT_ONCE)))
            while len(self._open) > KEPT:
                self._open.pop(0).close()

    async def _connect(self) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.bind((self._address, 0))
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await loop.sock_connect(connection, self._server)
            await loop.sock_sendall(connection, self._says)
        self._open.append(connection)

    def close(self) -> None:
        for connection in self._open:
            connection.close()


@contextlib.asynccontextmanager
async def attacked(endpoint: str, address: str, says: bytes) -> AsyncIterator[asyncio.Task[None]]:
    attacker = Attacker(endpoint, address, says)
    attack = asyncio.create_task(attacker.attack(), name="attack")
    try:
        yield attack
    finally:
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)
        attacker.close()


async def _get_in(endpoint: str, application: Application) -> Session:
    return await begin(await Connection.open(endpoint, application), application)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        (ELSEWHERE, lambda _: b""),
        (ELSEWHERE, _greeting),
        (ELSEWHERE, _opening),
        ("127.0.0.1", _greeting),
    ],
    ids=["nothing", "hello", "open", "hello from the client's own address"],
)
async def test_a_client_gets_in_beside_ten_thousand_half_open_handshakes(
    endpoint: str,
    bystander: Session,
    server_process: ServerProcess,
    said: Callable[[], str],
    address: str,
    says: Callable[[str], bytes],
) -> None:
    server = psutil.Process(server_process.pid)
    before = server.memory_info().rss
    entries: list[float] = []
    async with attacked(endpoint, address, says(endpoint)) as attack:
        while not attack.done():
            began = time.monotonic()
            session = await asyncio.wait_for(_get_in(endpoint, Application()), GETS_IN_S)
            entries.append(time.monotonic() - began)
            assert await is_served(session)
            await session.close()
            await session.connection.drop()
            assert await is_served(bystander)
        attack.result()
    assert len(entries) > 3
    assert server.memory_info().rss - before < GROWTH_BYTES
    assert said().count("\n") < 200, "who floods the server fills its log"
    assert "behind" not in said()


async def test_a_client_with_a_certificate_gets_in_beside_them(endpoint: str, folder: Path) -> None:
    known = Application(application_uri("wire"), own_identities(folder / "pki", (), "wire")[0])
    async with attacked(endpoint, ELSEWHERE, _opening(endpoint)) as attack, connected(endpoint, known) as session:
        assert await is_served(session)
        assert not attack.done()


async def test_a_flood_of_large_certificates_keeps_nobody_waiting(endpoint: str, bystander: Session) -> None:
    """Each is looked at, in turns, and refused."""
    certificate = b"\x30\x82\xe0\x00" + bytes(0xE000)
    policy = b"http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
    rest = struct.pack("<i", len(policy)) + policy + struct.pack("<i", len(certificate)) + certificate
    rest += struct.pack("<i", 20) + bytes(20) + bytes(256)
    says = _greeting(endpoint) + b"OPNF" + struct.pack("<II", 12 + len(rest), 0) + rest
    slowest = 0.0
    async with attacked(endpoint, ELSEWHERE, says):
        until = time.monotonic() + 5.0
        while time.monotonic() < until:
            began = time.monotonic()
            assert await is_served(bystander)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.0
