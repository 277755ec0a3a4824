"""asyncua's own client programs, as they are installed with it, against the server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from .services import SP, T, put, step
from .wire import Session

PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}


async def start(program: str, *arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        str(PROGRAMS / program), *arguments, env=ENVIRONMENT, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )


async def output(program: str, *arguments: str) -> str:
    """Run a program to its end, which must be a good one, and return what it printed."""
    process = await start(program, *arguments)
    text, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, text.decode()
    return text.decode()


def at(endpoint: str, name: str) -> tuple[str, ...]:
    return ("-u", endpoint, "-n", f"ns=2;s={name}")


async def test_uaread_prints_the_value(endpoint: str) -> None:
    assert 280 < float((await output("uaread", *at(endpoint, T))).splitlines()[-1]) < 420
    assert "ServerTimestamp" in await output("uaread", *at(endpoint, T), "-t", "datavalue")


async def test_uals_lists_the_reactor(endpoint: str) -> None:
    listed = await output("uals", *at(endpoint, "R101"))
    assert {"T", "TIC101", "Detector"} <= {word.removeprefix("2:") for word in listed.replace(",", " ").split()}


async def test_uawrite_writes_and_is_refused_what_is_not_writable(endpoint: str, session: Session) -> None:
    await put(session, SP, 320.0)
    await output("uawrite", *at(endpoint, SP), "-t", "double", "345.5")
    assert (await output("uaread", *at(endpoint, SP))).splitlines()[-1] == "345.5"
    process = await start("uawrite", *at(endpoint, T), "-t", "double", "345.5")
    text, _ = await asyncio.wait_for(process.communicate(), 30)
    assert b"BadNotWritable" in text or b"does not allow writing" in text.lower() or process.returncode != 0


async def test_uacall_moves_plant_time(endpoint: str) -> None:
    called = await output("uacall", *at(endpoint, "Plant.Simulation"), "-m", "2:Step", "-t", "double", "0.5")
    assert "resulting result_variants=" in called


async def test_uasubscribe_prints_every_change(endpoint: str, session: Session) -> None:
    await put(session, SP, 320.0)
    process = await start("uasubscribe", *at(endpoint, SP))
    assert process.stdout is not None
    try:
        for wanted in (320.0, 321.0, 322.0):
            if wanted != 320.0:
                await put(session, SP, wanted)
            async with asyncio.timeout(15):
                while f"{wanted}".encode() not in (line := await process.stdout.readline()):
                    assert line, "it has ended"
    finally:
        process.kill()
        await process.wait()


async def test_uahistoryread_prints_what_was_recorded(endpoint: str, session: Session) -> None:
    for _ in range(5):
        await step(session)
    printed = await output("uahistoryread", *at(endpoint, T), "--endtime", "2100-01-01", "-l", "5")
    assert sum("Good" in line for line in printed.splitlines()) >= 4, printed  # the fifth may be a bound


async def test_uadiscover_finds_the_endpoint(endpoint: str) -> None:
    assert endpoint in await output("uadiscover", "-u", endpoint)
