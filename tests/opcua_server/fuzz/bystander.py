"""A client that does nothing wrong: every scan must come, and be answered soon. It ends with its standard input.

python -m tests.opcua_server.fuzz.bystander opc.tcp://127.0.0.1:4840/cstr-gateway
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ..conformity.services import SCAN_S, T, changes_of, monitor, publish_request, read, subscribe
from ..conformity.wire import Application, Session, connected

PLANT_TIME = "Plant.Simulation.Time"
"""Changes with every scan."""
REQUESTS = 5
"""Publish requests that wait."""
QUEUE = 1_000
PAUSE_S = 0.2


BYSTANDER = Application("urn:bystander")
"""Another application than the fuzzers': an Anonymous of the same one could take its subscription over."""


@dataclass
class Seen:
    """What the bystander saw."""

    scans: int = 0
    missing: int = 0
    slowest_read_s: float = 0.0
    longest_silence_s: float = 0.0


async def watch(endpoint: str, ended: asyncio.Event) -> Seen:
    """Subscribe to a value that changes with every scan, and read beside it."""
    seen = Seen()
    async with connected(endpoint, BYSTANDER) as session:
        subscription = (await subscribe(session, 100.0, keep_alive=100)).SubscriptionId
        await monitor(session, subscription, PLANT_TIME, queue=QUEUE)
        work = [asyncio.create_task(_listen(session, seen)), asyncio.create_task(_read(session, seen, ended))]
        ending = asyncio.create_task(ended.wait())
        done, _ = await asyncio.wait([*work, ending], return_when=asyncio.FIRST_COMPLETED)
        for task in (*work, ending):
            task.cancel()
        await asyncio.gather(*work, ending, return_exceptions=True)
        for task in done - {ending}:
            task.result()
    return seen


async def _listen(session: Session, seen: Seen) -> None:
    waiting = [session.send(publish_request()) for _ in range(REQUESTS)]
    last: datetime | None = None
    heard_at = time.monotonic()
    while True:
        answer = await waiting.pop(0)
        answer.ResponseHeader.ServiceResult.check()
        parameters = answer.Parameters
        waiting.append(
            session.send(publish_request((parameters.SubscriptionId, parameters.NotificationMessage.SequenceNumber)))
        )
        for change in changes_of(parameters.NotificationMessage):
            seen.scans += 1
            if last is not None:
                seen.missing += round((change.source - last) / timedelta(seconds=SCAN_S)) - 1
            last = change.source
        seen.longest_silence_s = max(seen.longest_silence_s, time.monotonic() - heard_at)
        heard_at = time.monotonic()


async def _read(session: Session, seen: Seen, ended: asyncio.Event) -> None:
    while not ended.is_set():  # a cancellation gets lost where an answer comes at the same moment (Python 3.11)
        began = time.monotonic()
        await read(session, T)
        seen.slowest_read_s = max(seen.slowest_read_s, time.monotonic() - began)
        await asyncio.sleep(PAUSE_S)


async def main(endpoint: str) -> None:
    ended = asyncio.Event()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    reading = asyncio.create_task(reader.read())
    reading.add_done_callback(lambda _: ended.set())
    print(json.dumps(asdict(await watch(endpoint, ended))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
