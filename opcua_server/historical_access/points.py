"""Continuation points of history: the numbers of what was sent last; good whatever is forgotten, for one question."""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import ClassVar, Self

_NONCE, _SEAL, _QUESTION = 8, 16, 16
_MOST_RELEASED = 1_000
"""Released points of a session that are remembered."""


@dataclass(frozen=True, slots=True)
class ContinuationPoint:
    """What a kind of them has stands in its fields, and how these are packed in `layout`."""

    layout: ClassVar[struct.Struct]

    def packed(self) -> bytes:
        """Return it as bytes."""
        return self.layout.pack(*astuple(self))

    @classmethod
    def of(cls, octets: bytes) -> Self:
        """Return it from bytes.

        Raises:
            ValueError: when it is none of ours.
        """
        try:
            return cls(*cls.layout.unpack(octets))
        except struct.error as error:
            raise ValueError(str(error)) from None


class Seals:
    """Makes points of one session; they are taken for the question they are the rest of, until they are released."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)
        self._released: OrderedDict[bytes, None] = OrderedDict()

    def sealed(self, question: bytes, point: bytes) -> bytes:
        """Return what a client gets for a point; nothing for none."""
        if not point:
            return b""
        content = secrets.token_bytes(_NONCE) + _digest(question) + point
        return self._seal(content) + content

    def opened(self, question: bytes, sealed: bytes) -> bytes:
        """Return the point that was sealed.

        Raises:
            ValueError: when it is of another question, was released, or is none of ours.
        """
        if not sealed:
            return b""
        content = self._content(sealed)[_NONCE:]
        if content[:_QUESTION] != _digest(question):
            message = "a continuation point of another question"
            raise ValueError(message)
        return content[_QUESTION:]

    def release(self, sealed: bytes) -> None:
        """Take a point no more; whatever it is the rest of.

        Raises:
            ValueError: when it was released before, or is none of ours.
        """
        if not sealed:
            return
        self._released[self._content(sealed)[:_NONCE]] = None
        if len(self._released) > _MOST_RELEASED:
            self._released.popitem(last=False)

    def _content(self, sealed: bytes) -> bytes:
        seal, content = sealed[:_SEAL], sealed[_SEAL:]
        if content[:_NONCE] in self._released or not secrets.compare_digest(seal, self._seal(content)):
            message = "a continuation point that is not, or no longer, one of this session"
            raise ValueError(message)
        return content

    def _seal(self, content: bytes) -> bytes:
        return hashlib.blake2b(content, key=self._secret, digest_size=_SEAL).digest()


def _digest(question: bytes) -> bytes:
    return hashlib.blake2b(question, digest_size=_QUESTION).digest()
