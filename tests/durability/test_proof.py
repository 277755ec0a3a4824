"""The proof itself: it sees what is missing, twice or wrong, and its proxy carries what it should."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .found import Found
from .ledger import read_ledger
from .proof import compared
from .proxy import Proxy, mqtt_packets, opcua_chunks
from .troubles import drawn

LEDGER = """signal,epoch,source_time,value,status
# started
R101.T,0,2026-11-22T04:00:00.0000000Z,350.1,0
R101.T,0,2026-11-22T04:00:01.0000000Z,,2156658688
R101.Detector.Cause,0,2026-11-22T04:00:01.0000000Z,"""
LEDGER += '"""T \\""high\\"",\\nvery""",0\n# recorded\nR101.T,0,2026-11-22T04:00:02.0000000Z,350.3,0\n# started\n'
LEDGER += "R101.T,0,2026-11-22T04:00:03.0000000Z,350.4,0\n# recorded\n"
T = [("R101.T", 0, f"2026-11-22T04:00:0{second}.0000000Z") for second in range(4)]


def test_what_was_taken_and_what_was_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(LEDGER)
    ledger = read_ledger(tmp_path / "ledger.csv")
    assert [ledger.recorded[key] for key in (T[0], T[1], T[3])] == [(350.1, 0), (None, 0x808C0000), (350.4, 0)]
    assert ledger.untold == {T[2]: (350.3, 0)}
    assert ledger.recorded["R101.Detector.Cause", 0, "2026-11-22T04:00:01.0000000Z"] == ('T "high",\nvery', 0)
    assert (ledger.starts, ledger.twice) == (2, [])


def test_every_kind_of_fault_is_seen(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(LEDGER)
    ledger = read_ledger(tmp_path / "ledger.csv")

    def place() -> Found:
        samples = dict(ledger.recorded)
        seqs = {key: number for number, key in enumerate(samples, 1)}
        return Found(samples, seqs, len(samples))

    def faults(found: Found) -> list[str]:
        return compared(ledger, {"historian's store": place(), "InfluxDB": found})

    assert faults(place()) == []
    told = place()
    told.samples[T[2]] = (350.3, 0)
    told.rows += 1
    assert faults(told) == []
    told.samples[T[2]] = (350.2, 0)
    assert "350.2" in faults(told)[0]
    lacking, strange, wrong, twice, renumbered = place(), place(), place(), place(), place()
    del lacking.samples[T[0]]
    strange.samples["R101.T", 1, T[0][2]] = (350.1, 0)
    wrong.samples[T[0]] = (350.2, 0)
    twice.rows += 1
    renumbered.seqs[T[0]] = 99
    turned = Found(dict(reversed(place().samples.items())), place().seqs, 4)
    assert faults(turned) == [f"InfluxDB has {T[1]} out of the ledger's order"]
    assert "lacks" in faults(lacking)[0]
    assert "knows nothing" in faults(strange)[0]
    assert "350.2" in faults(wrong)[0]
    assert "5 samples, of which 4" in faults(twice)[0]
    assert "number 1 in the store and 99" in faults(renumbered)[0]


def test_a_time_that_was_never_told_of_may_be_taken_again(tmp_path: Path) -> None:
    again = "R101.T,0,2026-11-22T04:00:02.0000000Z,,2156724224\n# recorded\n"
    (tmp_path / "ledger.csv").write_text(LEDGER + again)
    ledger = read_ledger(tmp_path / "ledger.csv")
    assert ledger.twice == []
    samples = dict(ledger.recorded)
    found = Found(samples, {key: number for number, key in enumerate(samples, 1)}, len(samples))
    assert samples[T[2]] == (None, 0x808D0000)
    assert compared(ledger, {"historian's store": found, "InfluxDB": found}) == []


def test_a_hole_in_the_numbers_is_seen(tmp_path: Path) -> None:
    (tmp_path / "ledger.csv").write_text(LEDGER)
    ledger = read_ledger(tmp_path / "ledger.csv")
    found = Found(dict(ledger.recorded), {key: 2 * place for place, key in enumerate(ledger.recorded, 1)}, 4)
    assert compared(ledger, {"historian's store": found, "InfluxDB": found}) == [
        "of the numbers of R101 4 are lacking and 0 are there twice"
    ]


def test_messages_are_split_where_they_end() -> None:
    publish = b"\x32\x90\x01" + bytes(144)
    connect = b"\x10\x02ab"
    chunk = b"MSGF" + (20).to_bytes(4, "little") + bytes(12)
    for split, messages in ((mqtt_packets, [connect, publish, connect]), (opcua_chunks, [chunk, chunk])):
        octets = b"".join(messages)
        for end in range(len(octets)):
            whole, rest = split(octets[:end])
            assert b"".join(whole) + rest == octets[:end]
            assert whole == messages[: len(whole)]
        assert split(octets) == (messages, b"")


def test_a_seed_draws_the_same_troubles() -> None:
    assert drawn(7, kills=2, others=1) == drawn(7, kills=2, others=1) != drawn(8, kills=2, others=1)
    assert len([each for each in drawn(7, kills=20, others=5) if each.kind == "kill"]) == 100


async def test_the_proxy_stalls_cuts_and_repeats() -> None:
    got = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(100):
            got.extend(piece)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy("mqtt", 0, server.sockets[0].getsockname()[1], mqtt_packets)
    await proxy.start()
    publish = b"\x32\x02ab"
    try:
        async with asyncio.timeout(10):
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            stalling = asyncio.create_task(proxy.stall(0.2))
            await asyncio.sleep(0)
            writer.write(publish)
            await asyncio.sleep(0.1)
            assert not got
            await stalling
            repeating = asyncio.create_task(proxy.repeat(0.2))
            while len(got) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            writer.write(publish)
            await repeating
            assert bytes(got) in (publish * 3, publish * 4)
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            cutting = asyncio.create_task(proxy.cut(0.1))
            assert await reader.read() == b""
            await cutting
    finally:
        await proxy.stop()
        server.close()
