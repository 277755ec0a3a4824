"""Continuation points of history: the numbers of what was sent last; good whatever is forgotten, for one question."""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import ClassVar, Self

_NONCE, _SEAL = 8, 16
_MOST_RELEASED = 10_000
"""Released points that are remembered."""


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
    """Makes points that are taken for the question they are the rest of, until they are released."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)
        self._released: OrderedDict[bytes, None] = OrderedDict()

    def sealed(self, question: bytes, point: bytes) -> bytes:
        """Return what a client gets for a point; nothing for none."""
        if not point:
            return b""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._seal(nonce, question, point) + point

    def opened(self, question: bytes, sealed: bytes) -> bytes:
        """Return the point that was sealed.

        Raises:
            ValueError: when it is of another question, was released, or is none of ours.
        """
        if not sealed:
            return b""
        nonce, seal, point = sealed[:_NONCE], sealed[_NONCE : _NONCE + _SEAL], sealed[_NONCE + _SEAL :]
        if nonce in self._released or not secrets.compare_digest(seal, self._seal(nonce, question, point)):
            message = "a continuation point that is not, or no longer, one of this question"
            raise ValueError(message)
        return point

    def release(self, sealed: bytes) -> None:
        """Take a point no more."""
        self._released[sealed[:_NONCE]] = None
        if len(self._released) > _MOST_RELEASED:
            self._released.popitem(last=False)

    def _seal(self, nonce: bytes, question: bytes, point: bytes) -> bytes:
        return hashlib.blake2b(nonce + point + question, key=self._secret, digest_size=_SEAL).digest()
