"""A message as chunks, whole or in pieces, and each of them wrong in one way: before it is signed or after."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.connection import MessageChunk, SecureConnection
from asyncua.ua.ua_binary import struct_to_binary

from .mutations import EXTREMES, flipped, mutated

Spoil = Callable[[MessageChunk, random.Random], None]


def _number(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.SequenceHeader.SequenceNumber = ua.UInt32(
        chance.choice((0, 1, chunk.SequenceHeader.SequenceNumber - 1, chance.getrandbits(32)))
    )


def _token(chunk: MessageChunk, chance: random.Random) -> None:
    header: Any = chunk.SecurityHeader
    header.TokenId = chance.choice((0, 1, header.TokenId + 1, chance.getrandbits(32)))


def _channel(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.MessageHeader.ChannelId = chance.choice((0, 1, chance.getrandbits(32)))


def _kind(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.MessageHeader.ChunkType = chance.choice((b"A", b"C", b"F", b"X", b"\0"))


def _message(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.MessageHeader.MessageType = chance.choice((b"CLO", b"MSG", b"HEL", b"ACK", b"ERR", b"OPN", b"XXX"))


def _abort(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.MessageHeader.ChunkType = ua.ChunkType.Abort
    reason = struct_to_binary(ua.ErrorMessage(ua.StatusCode(ua.StatusCodes.BadRequestTooLarge), "no"))
    chunk.Body = chance.choice((reason, reason[:5], b""))


def _body(chunk: MessageChunk, chance: random.Random) -> None:
    chunk.Body = mutated(chunk.Body, [chunk.Body], chance)[:60_000]


SPOILS: tuple[Spoil, ...] = (_number, _token, _channel, _kind, _message, _abort, _body)


def spoiled(channel: SecureConnection, body: bytes, request_id: int, chance: random.Random) -> bytes:
    """Return a message in chunks, one of them wrong; the numbers of those before it are right."""
    token = channel.security_token
    size = chance.choice((64, 300, 8192, 65_535))
    room = max(size, 8192)
    parts = [body[start : start + size] for start in range(0, len(body), size)][:50] or [b""]
    chunks: list[MessageChunk] = []
    for part in parts:
        (chunk,) = MessageChunk.message_to_chunks(
            channel.security_policy,
            part or b"\0",
            room + 200,
            channel_id=token.ChannelId,
            request_id=request_id,
            token_id=token.TokenId,
        )[:1]
        chunk.MessageHeader.ChunkType = ua.ChunkType.Intermediate
        channel._sequence_number += 1
        chunk.SequenceHeader.SequenceNumber = ua.UInt32(channel._sequence_number)
        chunks.append(chunk)
    chunks[-1].MessageHeader.ChunkType = ua.ChunkType.Single
    is_signed_wrong = chance.random() < 0.5
    if is_signed_wrong:
        chance.choice(SPOILS)(chance.choice(chunks), chance)
    frames = [chunk.to_binary() for chunk in chunks]
    if not is_signed_wrong:
        place = chance.randrange(len(frames))
        frames[place] = _changed(frames[place], chance)
    return b"".join(frames)


def _changed(frame: bytes, chance: random.Random) -> bytes:
    """Change the bytes on the wire: a size that is untrue, a bit anywhere, or the end missing."""
    match chance.randrange(4):
        case 0:
            return frame[:4] + struct.pack("<i", chance.choice((*EXTREMES, len(frame) - 1, len(frame) + 1))) + frame[8:]
        case 1:
            return frame[: chance.randrange(len(frame))]
        case 2:
            return frame * 2
    return flipped(frame, (), chance)
