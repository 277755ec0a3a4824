"""Messages of an open secure channel, in chunks (OPC 10000-6 v1.05 §6.7.2), without a codec made for any structure."""

from __future__ import annotations

import struct
from typing import Any

from asyncua import ua
from asyncua.common.connection import MessageChunk, SecureConnection

from opcua_server.wire.messages import ANY_SIZE

_HEADER = struct.Struct("<3scIII")
_SEQUENCE = struct.Struct("<II")
_LAST_SEQUENCE_NUMBER = 0xFFFF_FFFF
PLAIN_OVERHEAD = _HEADER.size + _SEQUENCE.size
"""Bytes before the body of a chunk that is neither signed nor encrypted."""


class Framer:
    """Wraps bodies for one connection."""

    def __init__(self, connection: SecureConnection) -> None:
        self._connection = connection

    @property
    def most_bytes(self) -> int:
        """Size of the largest body that the client takes, as its Hello says, in so many chunks."""
        limits = self._connection._limits
        most = limits.max_message_size or ANY_SIZE
        return min(most, limits.max_chunk_count * self._room()) if limits.max_chunk_count else most

    def frame(self, body: bytes, request_id: int) -> bytes:
        """Return a message's chunks on the wire."""
        connection = self._connection
        policy = connection.security_policy
        crypto: Any = policy.symmetric_cryptography
        is_plain = policy.Mode == ua.MessageSecurityMode.None_
        room = self._room()
        token = connection.security_token
        chunks: list[bytes] = []
        for start in range(0, len(body), room):
            part = body[start : start + room] if len(body) > room else body
            kind = b"F" if start + room >= len(body) else b"C"
            connection._sequence_number = connection._sequence_number % _LAST_SEQUENCE_NUMBER + 1
            sequence = _SEQUENCE.pack(connection._sequence_number, request_id)
            if is_plain:
                size = PLAIN_OVERHEAD + len(part)
                chunks += (_HEADER.pack(b"MSG", kind, size, token.ChannelId, token.TokenId), sequence, part)
                continue
            plain = sequence + part
            plain += crypto.padding(len(plain))
            signed = len(plain) + crypto.signature_size()
            size = signed // crypto.plain_block_size() * crypto.encrypted_block_size()
            header = _HEADER.pack(b"MSG", kind, _HEADER.size + size, token.ChannelId, token.TokenId)
            plain += crypto.signature(header + plain)
            chunks += (header, crypto.encrypt(plain))
        return b"".join(chunks)

    def _room(self) -> int:
        """Return how many bytes of a body a chunk holds."""
        policy, limit = self._connection.security_policy, self._connection._limits.max_send_buffer
        if policy.Mode == ua.MessageSecurityMode.None_:
            return limit - PLAIN_OVERHEAD
        crypto: Any = policy.symmetric_cryptography
        return MessageChunk.max_body_size(crypto, limit)

    def unframe(self, frame: bytes) -> tuple[int, int] | None:
        """Return (request id, offset of the body) of a whole message that is neither signed nor encrypted.

        None where the library must look at it: another kind of message or token, or one in several chunks.
        """
        connection = self._connection
        if (
            not frame.startswith(b"MSGF")
            or len(frame) < PLAIN_OVERHEAD
            or connection.security_policy.Mode != ua.MessageSecurityMode.None_
            or not connection.is_open()
            or connection._incoming_parts
        ):
            return None
        _, _, _, channel, token = _HEADER.unpack_from(frame)
        sequence_number, request_id = _SEQUENCE.unpack_from(frame, _HEADER.size)
        expected = connection.security_token
        previous = connection._peer_sequence_number
        if channel != expected.ChannelId or token != expected.TokenId or previous is None:
            return None
        if sequence_number != previous + 1 or len(frame) > connection._limits.max_recv_buffer:
            return None
        return request_id, PLAIN_OVERHEAD

    def accept(self) -> None:
        """Take note that a message that `unframe` has read was served."""
        self._connection._peer_sequence_number = (self._connection._peer_sequence_number or 0) + 1
