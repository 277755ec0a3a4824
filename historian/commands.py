"""Commands from MQTT back to OPC UA: a short list of what may be written, each answered and logged."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeGuard

from historian.gaps import some
from historian.metrics import Metrics
from plant import quality
from plant.clock import text_from_ticks, ticks_from_text, ticks_from_unix_ns
from plant.names import AREA, PLANT, loop_name, split_signal, topic
from plant.signals import MODES, find_signal
from runtime.errors import BadInput, LinkLost
from runtime.mqtt_link import MqttLink
from runtime.opcua_link.link import OpcuaLink
from runtime.settings import NodeSettings

log = logging.getLogger("historian")

ALLOWED_LEAVES = ("SP", "ModeTarget", "OUT")
LARGEST_PAYLOAD = 4096
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**64 - 1
"""Of 64 bits, with a sign or without."""

MOST_NAMED = 20
"""Reactors in an answer."""
MEMBERS = ("id", "signal", "value", "expires")
ALLOWED = 'allowed is {"id": text or number, "signal": ..., "value": ...}'

Audit = Callable[[Mapping[str, object]], Awaitable[None]]
Outcome = tuple[str, str]
"""StatusCode's name, and why."""


async def nobody_told(record: Mapping[str, object]) -> None:
    """Keep no trail."""


class Commander:
    """Takes `{"id", "signal", "value"[, "expires"]}` from `.../cmd`, writes, and answers on `.../reply`.

    Of a server that is none of ours, `nodes` say what may be written, and in which range.
    """

    def __init__(
        self,
        link_now: Callable[[], OpcuaLink | None],
        metrics: Metrics,
        site: str,
        nodes: Sequence[NodeSettings] = (),
        audit: Audit = nobody_told,
    ) -> None:
        self._link_now, self._metrics, self._site, self._audit = link_now, metrics, site, audit
        self._has_nodes = bool(nodes)
        self._ranges = {node.name: node.write for node in nodes if node.write is not None}
        self._reactors = {split_signal(node.name)[0] for node in nodes}
        """Empty while they are not known."""

    def know(self, signals: Iterable[str]) -> None:
        """Learn from the server's signals which reactors there are, where no nodes say so."""
        if not self._has_nodes:
            self._reactors = {split_signal(name)[0] for name in signals} - {PLANT}

    async def run(self, link: MqttLink) -> None:
        """Answer commands until the link is lost; a retained one was meant for another time."""
        await link.subscribe([f"plant/{self._site}/{AREA}/+/cmd"])
        dropped = 0
        async for message in link.messages():
            if link.dropped > dropped:
                await self.tell_dropped(link.dropped - dropped, self._source("+"))
                dropped = link.dropped
            reactor = message.topic.split("/")[-2]
            if message.retained:
                log.warning("a retained command for %s is ignored: commands are published without retain", reactor)
                self._metrics.command("ignored")
                why = "ignored: it was retained, and meant for another time"
                await self._tell(self._source(reactor), {}, "BadTimeout", why)
                continue
            answer = await self._answer(reactor, message.payload)
            await link.publish(topic(reactor, "reply", self._site), json.dumps(answer).encode())

    async def carry_out(self, reactor: str, command: dict[str, object], source: str) -> Outcome:
        """Do what a command says, however it came; `source` is what the trail says of that."""
        try:
            status, why = await self._outcome(reactor, command)
        except asyncio.CancelledError:
            why = "who sent it was gone before the server had answered; it may be written"
            await asyncio.shield(self._done(source, command, "BadNoCommunication", why))
            raise
        await self._done(source, command, status, why)
        return status, why

    async def tell_dropped(self, count: int, source: str) -> None:
        """Tell of messages to those who take commands that nobody has read, since too many waited."""
        self._metrics.command("dropped", count)
        await self._tell(
            source, {}, "BadTooManyOperations", f"{count} messages are dropped: too many waited before them"
        )

    async def _answer(self, reactor: str, payload: bytes) -> dict[str, object]:
        command = read_command(payload)
        if command is None:
            self._metrics.received(1)
            self._metrics.rejected("mqtt_payload", 1)
            status, why = "BadDecodingError", ALLOWED
            command = {}
            await self._done(self._source(reactor), command, status, why)
        else:
            status, why = await self.carry_out(reactor, command, self._source(reactor))
        return {"id": command.get("id"), "status": status, "why": why}

    def _source(self, reactor: str) -> str:
        return f"MQTT/{topic(reactor, 'cmd', self._site)}"

    async def _done(self, source: str, command: Mapping[str, object], status: str, why: str) -> None:
        self._metrics.command("done" if status == "Good" else "refused")
        await self._tell(source, command, status, why)

    async def _tell(self, source: str, command: Mapping[str, object], status: str, why: str) -> None:
        number, signal, value = (command.get(key) for key in ("id", "signal", "value"))
        said = f"command{'' if number is None else f' {number!r}'}: {signal!r} = {value!r}"
        log.info("%s: %s: %s %s", source, said, status, why)
        facts = {"status": status, "entry": number, "node": signal, "NewValue": value}
        message = f"{said}: {why}" if why else said
        await self._audit({"time": text_from_ticks(_now()), "source": source, **facts, "message": message})

    async def _outcome(self, reactor: str, command: dict[str, object]) -> Outcome:
        if unknown := [repr(member) for member in command if member not in MEMBERS]:
            return "BadInvalidArgument", f"{some(unknown)}: allowed are {', '.join(MEMBERS)}"
        if self._reactors and reactor not in self._reactors:
            return (
                "BadNotWritable",
                f"signal: there is no reactor {reactor}; there are {some(self._reactors, MOST_NAMED)}",
            )
        allowed = self._allowed(reactor)
        signal, value = command.get("signal"), command.get("value")
        if not isinstance(signal, str) or signal not in allowed:
            return "BadNotWritable", f"signal: allowed are {', '.join(allowed) or f'none of {reactor}'}"
        if not _is_number(value):
            return "BadTypeMismatch", "value: allowed is a number"
        if signal in self._modes(reactor) and value not in range(len(MODES)):
            modes = ", ".join(f"{number} {mode}" for number, mode in enumerate(MODES))
            return "BadTypeMismatch" if value % 1 else "BadOutOfRange", f"value: allowed are {modes}"
        low, high = self._limits(signal)
        if not low <= value <= high:
            return "BadOutOfRange", f"value: allowed is {low:g} to {high:g}"
        if isinstance(value, int) and not SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            return "BadOutOfRange", "value: allowed is an integer of 64 bits"
        if "expires" in command:
            until = _time(command["expires"])
            if until is None:
                return "BadInvalidArgument", f"expires: allowed is an ISO 8601 time, e.g. {text_from_ticks(_now())}"
            if until <= _now():
                return "BadTimeout", f"expires: is over, here it is {text_from_ticks(_now())}"
        link = self._link_now()
        if link is None:
            return "BadNoCommunication", "the OPC UA server is away"
        try:
            results = await link.write({signal: value})
        except LinkLost as error:
            return "BadCommunicationError", str(error)
        except BadInput as error:
            return "BadNodeIdUnknown", str(error)
        return quality.name_of(results[signal]), _why(results[signal])

    def _limits(self, signal: str) -> tuple[float, float]:
        """Return what a signal that may be written takes."""
        if self._has_nodes:
            return self._ranges[signal]
        known = find_signal(signal)
        return known.limits if known is not None and known.limits is not None else (-math.inf, math.inf)

    def _allowed(self, reactor: str) -> list[str]:
        if self._has_nodes:
            return [name for name in self._ranges if split_signal(name)[0] == reactor]
        return [f"{reactor}.{loop_name(reactor)}.{leaf}" for leaf in ALLOWED_LEAVES] if reactor[1:].isdigit() else []

    def _modes(self, reactor: str) -> tuple[str, ...]:
        return () if self._has_nodes else (f"{reactor}.{loop_name(reactor)}.ModeTarget",)


def read_command(payload: bytes) -> dict[str, object] | None:
    """Return a command's JSON object; None for anything that is no such thing, or has no id to answer with."""
    if len(payload) > LARGEST_PAYLOAD:
        return None
    try:
        command = json.loads(payload, object_pairs_hook=_each_once)
        json.dumps(command, ensure_ascii=False).encode()  # half a pair of surrogates is no text that can be written
    except (ValueError, RecursionError):
        return None
    number = command.get("id") if isinstance(command, dict) else None
    return command if isinstance(number, str) or _is_number(number) else None


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; which of two values of one key is meant nobody can tell."""
    found = dict(pairs)
    if len(found) < len(pairs):
        message = "a key is there twice"
        raise ValueError(message)
    return found


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _time(text: object) -> int | None:
    """Return an ISO 8601 time as ticks; None for anything else."""
    try:
        return ticks_from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _now() -> int:
    return ticks_from_unix_ns(time.time_ns())


def _why(status: int) -> str:
    """Return what to say of what the server answers, or the link in its place."""
    if status == quality.BAD_TYPE_MISMATCH:
        return "value: allowed is a number of the node's own type, e.g. a whole one for Int32"
    return "the OPC UA server refuses it" if quality.is_bad(status) else ""
