"""What is kept, as it is, and twenty seconds of mutated messages while the plant runs; `scripts/fuzz` has more."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from asyncua import ua

from ..conformity.services import T, read_request, rvid, service_result
from ..conformity.wire import ANSWER_S, Session, begin
from ..server_process import ServerProcess
from . import corpus
from .connection import FuzzConnection, Tally
from .run import described, run

SECONDS = 20.0
FEWEST = 1_000
"""Messages, on a machine that has other work."""


async def test_mutated_messages_disturb_nobody(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    outcome = await run(tmp_path, seed, messages=float("inf"), seconds=SECONDS, say=print)
    assert outcome.faults() == [], described(outcome)
    assert outcome.tally.messages > FEWEST
    assert outcome.seen.scans > SECONDS


async def test_what_is_kept_is_answered(tmp_path: Path) -> None:
    """One of each request, and what has found something: each on a session of its own where the last one ended it."""
    server = ServerProcess(tmp_path)
    tally = FuzzConnection.tally = Tally()
    session: Session | None = None
    try:
        for body in corpus.load():
            session = session or await begin(await FuzzConnection.open(server.endpoint()))
            connection = session.connection
            connection._last_id += 1
            octets = corpus.with_token(body, session.token.Identifier)
            kind = ua.MessageType.SecureMessage
            connection._writer.write(connection.channel.message_to_binary(octets, kind, connection._last_id))
            probe = session.send(read_request(rvid(T)))
            try:
                is_over = await asyncio.wait_for(service_result(probe), ANSWER_S) != "Good"
            except ConnectionError:
                is_over = True
            if is_over:
                session = await connection.drop()
    finally:
        if session is not None:
            await session.connection.drop()
        server.stop()
    assert "Traceback" not in server.log()
    assert not {"BadInternalError", "BadUnexpectedError"} & {name for name, _ in tally.named()}
    assert tally.statuses.total() > len(corpus.load())
