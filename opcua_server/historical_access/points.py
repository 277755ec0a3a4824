"""Continuation points of history: the numbers of what was sent last; good for ever, whatever is forgotten."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from typing import ClassVar, Self


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
