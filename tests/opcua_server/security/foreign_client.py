"""A client of another vendor meets the server: refused, trusted by command, then let in by each policy and token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from runtime.pki.own import own_identities

from ..conftest import Serving

POLICIES = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
MODES = ("Sign", "SignAndEncrypt")
WAYS = (("None", "None"), *((policy, mode) for policy in POLICIES for mode in MODES))
OPERATOR, ENGINEER = "olivia", "enid"
PASSWORD = "correct-horse"
STRONGEST = ("Aes256_Sha256_RsaPss", "SignAndEncrypt")
STAY_S = 14
"""Longer than a token of the 10 s that the clients ask for is taken: who is still served has renewed it."""
ANSWER_S = 120.0
MAY = {
    "Anonymous": ("BadUserAccessDenied", "BadUserAccessDenied"),
    "UserName": ("Good", "BadUserAccessDenied"),
    "Certificate": ("BadUserAccessDenied", "Good"),
}
"""What comes of writing a setpoint and a gain: as nobody, the operator with her password, the engineer with hers."""


@dataclass(frozen=True, slots=True)
class Program:
    """A client as a program: how it is started, endpoint and folder follow, and the name in its certificate."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    name: str


class ForeignClient:
    """Visits the server, several at once where asked to."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._printed = ""

    async def visit(
        self, policy: str, mode: str, token: str = "Anonymous", password: str = PASSWORD, stay_s: int = 0
    ) -> dict[str, Any]:
        """Return what a visit came to: what was seen, or the code of the error."""
        key = str(len(self._answers))
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join((key, policy, mode, token, OPERATOR, password, f"{stay_s}\n")).encode())
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise TimeoutError(self._printed) from None

    async def listen(self) -> None:
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            if match := re.fullmatch(r"RESULT (\d+) (.*)\n", line):
                seen = json.loads(match[2])
                self._answers[match[1]].set_result({key: _plain(key, each) for key, each in seen.items()})
            else:
                self._printed += line
        for each in self._answers.values():
            if not each.done():
                each.set_exception(EOFError(self._printed))


def _plain(key: str, value: Any) -> Any:
    """Return whether a temperature can be, or the StatusCode in a text; each vendor writes it its own way."""
    if key in {"read", "readLast"}:
        return 280 < value < 420
    found = re.search(r"Bad_?([A-Z]\w+)", str(value))
    return f"Bad{found[1]}" if found else value


@contextlib.asynccontextmanager
async def running(program: Program, endpoint: str, folder: Path) -> AsyncIterator[ForeignClient]:
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        endpoint,
        str(folder),
        env={**os.environ, **program.env, "HOME": str(folder)},
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    client = ForeignClient(process)
    listening = asyncio.create_task(client.listen(), name="foreign client")
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.gather(listening, process.wait())


async def meet(serving: Serving, program: Program, tmp_path: Path) -> dict[str, Any]:
    """Let a client with a fresh certificate meet a server that knows nobody; return what came of each visit."""
    data, folder = tmp_path / "data", tmp_path / "client"
    seen: dict[str, Any] = {}
    async with serving({"server.lockstep": False, "server.anonymous_roles": ["Observer"]}, data) as endpoint:
        _equip(folder, data)
        await _command(data, "users", "add", OPERATOR, "--role", "Operator", entered=PASSWORD)
        await _command(data, "users", "add", ENGINEER, "--role", "Engineer", "--certificate", f"{folder / 'user.der'}")
        async with running(program, endpoint, folder) as client:
            seen["a stranger"] = await client.visit(*STRONGEST)
            await _command(data, "certs", "trust", program.name)
            seen["a person unknown"] = await client.visit(*STRONGEST, "Certificate")
            await _command(data, "certs", "trust", "--user", ENGINEER)
            seen["a wrong password"] = await client.visit(*STRONGEST, "UserName", "wrong")
            staying = asyncio.create_task(client.visit(*STRONGEST, "UserName", stay_s=STAY_S), name="staying")
            for policy, mode in WAYS:
                answers = await asyncio.gather(*(client.visit(policy, mode, token) for token in MAY))
                seen |= {f"{policy} {mode} {token}": each for token, each in zip(MAY, answers, strict=True)}
            seen["after the renewal"] = await staying
    return seen


def expected(told: str) -> dict[str, Any]:
    """Return what is to come of each visit, where the client says this of being refused as a stranger."""
    return {
        "a stranger": {"error": told},
        "a person unknown": {"error": "BadIdentityTokenRejected"},
        "a wrong password": {"error": "BadUserAccessDenied"},
        **{f"{policy} {mode} {token}": _let_in(token) for policy, mode in WAYS for token in MAY},
        "after the renewal": _let_in("UserName"),
    }


def _let_in(token: str) -> dict[str, Any]:
    setpoint, gain = MAY[token]
    written = {"setpoint": setpoint, "gain": gain}
    return {"read": True, "browsed": True, **written, "changes": 5, "readLast": True, "lost": 0}


def _equip(folder: Path, data: Path) -> None:
    """Give the client the server's certificate, and the engineer her own with its key."""
    shown, *_ = own_identities(data / "pki")
    person, *_ = own_identities(folder, application=ENGINEER)
    key = serialization.load_pem_private_key(person.key.read_bytes(), None)
    for name, encoding in (("user.key.pem", serialization.Encoding.PEM), ("user.key.der", serialization.Encoding.DER)):
        content = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / name).write_bytes(content)
    (folder / "user.der").write_bytes(person.der())
    (folder / "server.der").write_bytes(shown.der())


async def _command(data: Path, *words: str, entered: str = "") -> None:
    """Run `cstr-gateway` in a process of its own, while the server goes on."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("cstr-gateway")),
        *words,
        "--data",
        str(data),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate(f"{entered}\n".encode())
    assert process.returncode == 0, printed.decode()
