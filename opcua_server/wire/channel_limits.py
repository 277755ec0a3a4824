"""Sizes of messages on one connection: ours for what is received, the client's for what is sent.

asyncua takes what a client says of responses in its Hello (OPC 10000-6 v1.05 §7.1.2.3) for its requests, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.connection import TransportLimits

from opcua_server.limits import Reached, ServerLimits

STRANGER_BYTES = 256 << 10
"""Of a message before a session is activated: certificates and tokens fit."""


@dataclass
class ChannelLimits(TransportLimits):
    """The library's are those of what is sent, but for `max_recv_buffer`."""

    message_bytes: int = STRANGER_BYTES
    chunks: int = 1
    reached: Reached | None = None

    @classmethod
    def of(cls, limits: ServerLimits) -> ChannelLimits:
        """Return those of a connection that has just come."""
        settings = limits.settings
        return cls(
            max_recv_buffer=settings.chunk_bytes,
            max_send_buffer=settings.chunk_bytes,
            max_chunk_count=0,
            max_message_size=settings.message_bytes,
            message_bytes=min(STRANGER_BYTES, settings.message_bytes),
            chunks=settings.chunks,
            reached=limits.reached,
        )

    def is_msg_size_within_limit(self, sz: int) -> bool:
        """Tell whether a request may have so many bytes."""
        return self._is_within("message_bytes", sz, self.message_bytes)

    def is_chunk_count_within_limit(self, sz: int) -> bool:
        """Tell whether a request may have so many chunks."""
        return self._is_within("chunks", sz, self.chunks)

    def create_acknowledge_and_set_limits(self, msg: ua.Hello) -> ua.Acknowledge:
        """Agree on the sizes of chunks, say which requests are taken, and keep to what the client takes."""
        ours: Any = self.max_message_size
        self.max_recv_buffer = min(msg.SendBufferSize, self.max_recv_buffer)
        self.max_send_buffer = min(msg.ReceiveBufferSize, self.max_send_buffer)
        self.max_message_size = min(msg.MaxMessageSize or ours, ours)
        self.max_chunk_count = msg.MaxChunkCount
        return ua.Acknowledge(
            ReceiveBufferSize=ua.UInt32(self.max_recv_buffer),
            SendBufferSize=ua.UInt32(self.max_send_buffer),
            MaxMessageSize=ua.UInt32(ours),
            MaxChunkCount=ua.UInt32(self.chunks),
        )

    def _is_within(self, name: str, size: int, most: int) -> bool:
        if size <= most:
            return True
        if self.reached is not None:
            self.reached.note(name)
        return False
