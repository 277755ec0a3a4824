"""A raw secure channel: hand-packed chunks on a plain socket, with asyncua's codec for opening it only."""

from __future__ import annotations

import hashlib
import hmac
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer, create_nonce
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyNone
from asyncua.ua.ua_binary import header_from_binary, struct_from_binary, struct_to_binary
from cryptography.hazmat.primitives.ciphers import Cipher

BUFFER = 65_535
"""Chunk size offered to every server: what most clients offer."""
LIFETIME_MS = 3_600_000
CHUNK = struct.Struct("<4sIIIII")
HEADER = 24
SIGNATURE = 32
GROWTH = 1 << 20


class Disconnected(ConnectionError):  # noqa: N818
    """The server closed the connection, or ended it with an error."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the server's chunks are verified and decrypted with."""

    signing: bytes
    cipher: Cipher[Any]

    def open(self, chunk: bytes) -> bytes:
        """Return the body of an encrypted chunk without its sequence header."""
        decryptor = self.cipher.decryptor()
        plain = decryptor.update(chunk[16:]) + decryptor.finalize()
        signed = chunk[:16] + plain[:-SIGNATURE]
        if not hmac.compare_digest(hmac.digest(self.signing, signed, hashlib.sha256), plain[-SIGNATURE:]):
            message = "a chunk has a wrong signature"
            raise Disconnected(message)
        return plain[8 : -SIGNATURE - 1 - plain[-SIGNATURE - 1]]


class Channel:
    """One connection with an open channel; sends whole messages, and hands on whole ones."""

    def __init__(self, endpoint: str, policy: SecurityPolicy | None = None, timeout_s: float = 30.0) -> None:
        address = urlsplit(endpoint)
        self.policy: SecurityPolicy = policy or SecurityPolicyNone()  # type: ignore[no-untyped-call]
        self.bytes_received = 0
        self._secure = policy is not None
        self._connection = SecureConnection(self.policy, TransportLimits(BUFFER, BUFFER, 0, 0))
        self._socket = socket.create_connection((address.hostname, address.port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(2 * BUFFER)
        self._filled = 0
        self._parts: list[bytes] = []
        self._sequence = 1
        self._request = 1
        self._keys: _Keys | None = None
        self._open(endpoint)

    def fileno(self) -> int:
        """Let a selector watch it."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, body: bytes) -> int:
        """Send a message and return its request id."""
        self._request += 1
        if self._secure:
            self._socket.sendall(self._connection.message_to_binary(body, request_id=self._request))
            return self._request
        token = self._connection.security_token
        step = self._send_limit - HEADER
        for start in range(0, len(body), step):
            part = body[start : start + step]
            kind = b"MSGF" if start + step >= len(body) else b"MSGC"
            self._sequence += 1
            header = (kind, HEADER + len(part), token.ChannelId, token.TokenId, self._sequence, self._request)
            self._socket.sendall(CHUNK.pack(*header) + part)
        return self._request

    def receive(self) -> Iterator[tuple[int, bytes]]:
        """Read once, waiting if need be, and yield the messages that are complete: request id (0 if encrypted), body.

        Raises:
            Disconnected: when the server has closed.
        """
        if self._filled == len(self._buffer):
            self._buffer.extend(bytes(GROWTH))
        with memoryview(self._buffer) as view:
            received = self._socket.recv_into(view[self._filled :])
        if not received:
            message = "the server closed the connection"
            raise Disconnected(message)
        self.bytes_received += received
        self._filled += received
        start = 0
        while self._filled - start >= 8:
            size = int.from_bytes(self._buffer[start + 4 : start + 8], "little")
            if self._filled - start < size:
                if size > len(self._buffer):
                    self._buffer.extend(bytes(size))
                break
            complete = self._take(bytes(memoryview(self._buffer)[start : start + size]))
            start += size
            if complete is not None:
                yield complete
        if start:
            self._buffer[: self._filled - start] = self._buffer[start : self._filled]
            self._filled -= start

    def _take(self, chunk: bytes) -> tuple[int, bytes] | None:
        if chunk[:3] != b"MSG":
            message = f"the server sent {chunk[:3]!r}: {chunk[8:].decode(errors='replace')}"
            raise Disconnected(message)
        self._parts.append(self._keys.open(chunk) if self._keys is not None else chunk[HEADER:])
        if chunk[3:4] == b"C":
            return None
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        return (0 if self._secure else int.from_bytes(chunk[20:24], "little")), body

    def _open(self, endpoint: str) -> None:
        url = endpoint.encode()
        sizes = struct.pack("<IIIIII", 0, BUFFER, BUFFER, 0, 0, len(url))
        self._socket.sendall(b"HELF" + struct.pack("<I", 8 + len(sizes) + len(url)) + sizes + url)
        self._send_limit = min(int.from_bytes(self._first(b"ACK")[12:16], "little"), BUFFER)
        nonce = create_nonce(self.policy.secure_channel_nonce_length) if self._secure else b""
        request = ua.OpenSecureChannelRequest()
        request.Parameters.ClientProtocolVersion = ua.UInt32(0)
        request.Parameters.RequestType = ua.SecurityTokenRequestType.Issue
        request.Parameters.SecurityMode = self.policy.Mode
        request.Parameters.RequestedLifetime = ua.UInt32(LIFETIME_MS)
        request.Parameters.ClientNonce = nonce
        kind: Any = ua.MessageType.SecureOpen
        sent = self._connection.message_to_binary(struct_to_binary(request), kind, 1)
        self._socket.sendall(sent)
        buffer = Buffer(self._first(b"OPN"))
        answer = self._connection.receive_from_header_and_body(header_from_binary(buffer), buffer)
        response: Any = struct_from_binary(ua.OpenSecureChannelResponse, answer.body())
        response.ResponseHeader.ServiceResult.check()
        self._connection.set_channel(response.Parameters, ua.SecurityTokenRequestType.Issue, nonce)
        if self._secure:
            symmetric: Any = self.policy.symmetric_cryptography
            self._keys = _Keys(symmetric.Verifier.key, symmetric.Decryptor.cipher)

    def _first(self, kind: bytes) -> bytes:
        """Return the answer to what opens the connection."""
        data = self._exactly(8)
        data += self._exactly(int.from_bytes(data[4:8], "little") - 8)
        if data[:3] != kind:
            message = f"the server answered {data[:3]!r}: {data[8:].decode(errors='replace')}"
            raise Disconnected(message)
        return data

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                message = "the server closed the connection"
                raise Disconnected(message)
            data += part
        return data
