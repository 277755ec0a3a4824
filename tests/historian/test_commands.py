"""Commands from a hostile wire: each is answered, none ends the historian."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from historian.command_trail import CommandTrail
from historian.commands import Commander
from plant import quality
from runtime.errors import BadInput
from runtime.mqtt_link import Message
from runtime.rotating_lines import COMMANDS, RotatingLines
from runtime.settings import NodeSettings

TOPIC = "plant/main/Area1/R101/cmd"
SETPOINT = {"id": 7, "signal": "R101.TIC101.SP", "value": 350.5}


class Broker:
    """Stands where the MQTT link would: delivers what a test says."""

    def __init__(self, *messages: Message) -> None:
        self.sending = messages
        self.replies: list[dict[str, object]] = []

    dropped = 0

    async def subscribe(self, topics: list[str]) -> None:
        assert topics == ["plant/main/Area1/+/cmd"]

    async def messages(self) -> AsyncIterator[Message]:
        for message in self.sending:
            yield message

    async def publish(self, topic: str, payload: bytes) -> None:
        assert topic == self.sending[0].topic.replace("cmd", "reply")
        self.replies.append(json.loads(payload))


class Written:
    """Stands where the OPC UA link would: keeps what is written."""

    def __init__(self) -> None:
        self.values: list[tuple[str, object]] = []
        self.answer = quality.GOOD

    async def write(self, values: Mapping[str, object]) -> dict[str, int]:
        self.values += values.items()
        return dict.fromkeys(values, self.answer)


async def send(plant, *messages: Message) -> tuple[list[dict[str, object]], list[tuple[str, object]]]:
    broker, link = Broker(*messages), Written()
    await Commander(lambda: link, plant.metrics, "main").run(broker)  # type: ignore[arg-type,return-value]
    return broker.replies, link.values


def message(command: object, **other: object) -> Message:
    return Message(TOPIC, json.dumps({**command, **other}).encode())  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 4000,
        b'{"id": 1e999, "signal": "R101.TIC101.SP", "value": 351}',
        b'{"id": ' + b"[" * 400 + b"]" * 400 + b"}",
        b"\xff\x00",
        b"[]",
        b'{"signal": "R101.TIC101.SP", "value": 351}',
        b'{"id": true, "signal": "R101.TIC101.SP", "value": 351}',
        b'{"id": null, "signal": "R101.TIC101.SP", "value": 351}',
        b" " * 5000 + b"{}",
        b'{"id": 1, "signal": "R101.TIC101.SP", "value": 351, "value": 352}',
        b'{"id": "\\ud800", "signal": "R101.TIC101.SP", "value": 351}',
        b'{"id": 1, "signal": "R101.TIC101.SP", "value": 351, "\\udfff": 1}',
    ],
    ids=[
        "deep",
        "endless id",
        "deep id",
        "no text",
        "no object",
        "no id",
        "true id",
        "null id",
        "long",
        "twice",
        "half an id",
        "half a key",
    ],
)
async def test_a_payload_that_is_no_command_is_counted_and_answered(plant, payload: bytes) -> None:
    replies, written = await send(plant, Message(TOPIC, payload), message(SETPOINT))
    assert [reply["status"] for reply in replies] == ["BadDecodingError", "Good"]
    assert written == [("R101.TIC101.SP", 350.5)]
    assert plant.count("rejected", reason="mqtt_payload") == 1


async def test_a_retained_command_is_not_executed_again(plant) -> None:
    kept = Message(TOPIC, json.dumps(SETPOINT).encode(), retained=True)
    assert await send(plant, kept) == ([], [])


@pytest.mark.parametrize("value", [1.5, -1, 5, 2**40, 1e300])
async def test_a_mode_is_one_of_the_modes(plant, value: float) -> None:
    ((reply,), written) = await send(plant, message(SETPOINT, signal="R101.TIC101.ModeTarget", value=value))
    assert (reply["status"], written) == ("BadTypeMismatch" if value == 1.5 else "BadOutOfRange", [])
    assert "2 AUTO" in str(reply["why"])


@pytest.mark.parametrize(
    ("command", "status", "why"),
    [
        ({"value": 1000}, "BadOutOfRange", "300 to 390"),
        ({"value": 10**400}, "BadOutOfRange", "300 to 390"),
        ({"value": float("inf")}, "BadTypeMismatch", "allowed is a number"),
        (
            {"exprires": "2026-01-01T00:00:00Z"},
            "BadInvalidArgument",
            "'exprires': allowed are id, signal, value, expires",
        ),
        ({"value": True}, "BadTypeMismatch", "allowed is a number"),
        ({"signal": "R101.Tc"}, "BadNotWritable", "R101.TIC101.SP, R101.TIC101.ModeTarget, R101.TIC101.OUT"),
        ({"expires": 5}, "BadInvalidArgument", "an ISO 8601 time, e.g. 20"),
        ({"expires": "2026-01-01T00:00:00Z"}, "BadTimeout", "is over, here it is 20"),
    ],
)
async def test_what_is_refused_says_what_is_allowed(plant, command: dict[str, object], status: str, why: str) -> None:
    ((reply,), written) = await send(plant, message(SETPOINT, **command))
    assert (reply["id"], reply["status"], written) == (7, status, [])
    assert why in str(reply["why"])


async def test_of_a_reactor_that_is_not_there_it_is_said_which_are(plant) -> None:
    command = Message(TOPIC.replace("R101", "R999"), json.dumps({**SETPOINT, "signal": "R999.TIC999.SP"}).encode())
    broker, link = Broker(command), Written()
    commander = Commander(lambda: link, plant.metrics, "main")  # type: ignore[arg-type,return-value]
    commander.know(["R101.T", "R102.T", "R102.TIC102.SP", "Plant.State"])
    await commander.run(broker)  # type: ignore[arg-type]
    why = "signal: there is no reactor R999; there are R101, R102"
    assert broker.replies == [{"id": 7, "status": "BadNotWritable", "why": why}]
    assert not link.values


@pytest.mark.parametrize(
    ("answer", "why"), [(quality.BAD_TYPE_MISMATCH, "the node's own type"), (quality.BAD_INVALID_STATE, "refuses")]
)
async def test_what_the_server_refuses_has_a_reason_too(plant, answer: int, why: str) -> None:
    broker, link = Broker(message(SETPOINT)), Written()
    link.answer = answer
    await Commander(lambda: link, plant.metrics, "main").run(broker)  # type: ignore[arg-type,return-value]
    assert why in str(broker.replies[0]["why"])


async def test_done_and_refused_commands_are_in_the_trail(plant, tmp_path: Path) -> None:
    trail = CommandTrail(RotatingLines(tmp_path / COMMANDS, 10_000, 2), plant.metrics)
    kept = Message(TOPIC, json.dumps(SETPOINT).encode(), retained=True)
    sent = message(SETPOINT), message(SETPOINT, id="a", value=1000), Message(TOPIC, b"[]"), kept
    broker, link = Broker(*sent), Written()
    await Commander(lambda: link, plant.metrics, "main", audit=trail.put).run(broker)  # type: ignore[arg-type,return-value]
    records = [json.loads(line) for line in (tmp_path / COMMANDS).read_text().splitlines()]
    assert [(each["entry"], each["status"]) for each in records] == [
        (7, "Good"),
        ("a", "BadOutOfRange"),
        (None, "BadDecodingError"),
        (None, "BadTimeout"),
    ]
    assert {each["event"] for each in records} == {"MqttCommand"}
    assert (records[1]["node"], records[1]["NewValue"]) == ("R101.TIC101.SP", 1000)


async def test_a_command_that_was_sent_to_the_server_when_the_broker_went_is_in_the_trail(
    plant, tmp_path: Path
) -> None:
    class Slow(Written):
        async def write(self, values: Mapping[str, object]) -> dict[str, int]:
            self.values += values.items()
            is_there.set()
            return await asyncio.Future()

    is_there = asyncio.Event()
    link, trail = Slow(), CommandTrail(RotatingLines(tmp_path / COMMANDS, 10_000, 2), plant.metrics)
    commander = Commander(lambda: link, plant.metrics, "main", audit=trail.put)  # type: ignore[arg-type,return-value]
    commanding = asyncio.create_task(commander.run(Broker(message(SETPOINT))))  # type: ignore[arg-type]
    await is_there.wait()
    commanding.cancel()
    await asyncio.gather(commanding, return_exceptions=True)
    (line,) = [json.loads(each) for each in (tmp_path / COMMANDS).read_text().splitlines()]
    assert (line["node"], line["NewValue"], line["status"]) == ("R101.TIC101.SP", 350.5, "BadNoCommunication")
    assert "it may be written" in line["message"]


async def test_a_trail_that_cannot_be_written_stops_no_command(plant, tmp_path: Path, caplog) -> None:
    (tmp_path / "audit").write_text("in the way")
    trail = CommandTrail(RotatingLines(tmp_path / COMMANDS, 10_000, 2), plant.metrics)
    broker, link = Broker(message(SETPOINT), message(SETPOINT)), Written()
    await Commander(lambda: link, plant.metrics, "main", audit=trail.put).run(broker)  # type: ignore[arg-type,return-value]
    assert [reply["status"] for reply in broker.replies] == ["Good", "Good"]
    assert plant.registry.get_sample_value("cstr_audit_dropped_total") == 2.0
    assert len([record for record in caplog.records if "audit" in record.message]) == 1


async def test_who_wrote_what_is_in_the_log(plant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await send(plant, message(SETPOINT, id="shift\n2"))
    assert "R101/cmd: command 'shift\\n2': 'R101.TIC101.SP' = 350.5: Good" in caplog.text


async def test_of_another_server_only_what_is_listed_may_be_written_within_its_range(plant) -> None:
    nodes = [
        NodeSettings(node="ns=1;s=a", name="R101.Valve.ModeTarget", write=(0.0, 100.0)),
        NodeSettings(node="ns=1;s=b", name="R101.Level"),
        NodeSettings(node="ns=1;s=c", name="R102.Valve", write=(0.0, 1.0)),
    ]
    values = [
        ("R101.Valve.ModeTarget", 55.5),
        ("R101.Valve.ModeTarget", 100.1),
        ("R101.Level", 1.0),
        ("R102.Valve", 1.0),
        ("R101.Valve.ModeTarget", 10**400),
    ]
    broker, link = Broker(*(message({"id": 1, "signal": name, "value": value}) for name, value in values)), Written()
    await Commander(lambda: link, plant.metrics, "main", nodes).run(broker)  # type: ignore[arg-type,return-value]
    assert [reply["status"] for reply in broker.replies] == [
        "Good",
        "BadOutOfRange",
        "BadNotWritable",
        "BadNotWritable",
        "BadOutOfRange",
    ]
    assert "0 to 100" in str(broker.replies[1]["why"])
    assert link.values == [("R101.Valve.ModeTarget", 55.5)]


async def test_a_node_that_the_server_does_not_know_ends_nothing(plant) -> None:
    class Unknowing(Written):
        async def write(self, values: Mapping[str, object]) -> dict[str, int]:
            message = "Tank.SP: the server has no namespace urn:tank"
            raise BadInput(message)

    broker = Broker(message(SETPOINT), message(SETPOINT, id=8))
    await Commander(lambda: Unknowing(), plant.metrics, "main").run(broker)  # type: ignore[arg-type]
    assert [(reply["id"], reply["status"]) for reply in broker.replies] == [
        (7, "BadNodeIdUnknown"),
        (8, "BadNodeIdUnknown"),
    ]
    assert "no namespace" in str(broker.replies[0]["why"])


async def test_commands_that_nobody_could_read_are_counted_and_in_the_trail(plant) -> None:
    trail: list[Mapping[str, object]] = []

    async def audit(record: Mapping[str, object]) -> None:
        trail.append(record)

    broker = Broker(message(SETPOINT), message(SETPOINT, id=8))
    broker.dropped = 5
    await Commander(lambda: Written(), plant.metrics, "main", audit=audit).run(broker)  # type: ignore[arg-type,return-value]
    assert [(line["source"], line["status"]) for line in trail] == [
        ("MQTT/plant/main/Area1/+/cmd", "BadTooManyOperations"),
        ("MQTT/plant/main/Area1/R101/cmd", "Good"),
        ("MQTT/plant/main/Area1/R101/cmd", "Good"),
    ]
    assert "5 messages" in str(trail[0]["message"])
    assert plant.registry.get_sample_value("cstr_commands_total", {"result": "dropped"}) == 5
