"""What is done to the bytes of a valid message; each takes the bytes, others to splice with, and a random generator."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

Mutation = Callable[[bytes, Sequence[bytes], random.Random], bytes]

EXTREMES = (-1, -2, 0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 65_536, 1 << 24, (1 << 31) - 1, -(1 << 31), 0x7FFF_FFF0)
"""Lengths, counts and numbers that nobody means."""
_NODE_IDS = (
    b"\x00\x00",
    b"\x01\x00\xff\xff",
    b"\x02\xff\xff\xff\xff\xff\xff",
    b"\x03\x02\x00\xff\xff\xff\xff",
    b"\x03\x02\x00\x06\x00\x00\x00R101.T",
    b"\x04" + bytes(18),
    b"\x05\x00\x00\x10\x00\x00\x00" + bytes(16),
    b"\x3f",
    b"\xc3\x00\x00" + bytes(4) + b"\xff\xff\xff\x7f",
)
_MOST = 200_000
"""Bytes of a message."""


def _place(body: bytes, chance: random.Random) -> int:
    return chance.randrange(len(body)) if body else 0


def flipped(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.randint(1, 8)):
        if changed:
            changed[_place(body, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwritten(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at, count = _place(body, chance), chance.randint(1, 16)
    return body[:at] + chance.randbytes(count) + body[at + count :]


def truncated(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return body[: _place(body, chance)]


def extended(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return body + chance.randbytes(chance.choice((1, 4, 100, 5000)))


def spliced(body: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    return body[: _place(body, chance)] + other[_place(other, chance) :]


def moved(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Cut a part out, or repeat it, once or very often."""
    start = _place(body, chance)
    part = body[start : start + chance.randint(1, 64)]
    times = chance.choice((0, 2, 2, 3, 1000))
    return body[:start] + part * times + body[start + len(part) :]


def extreme(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at = _place(body, chance)
    return body[:at] + struct.pack("<i", chance.choice(EXTREMES)) + body[at + 4 :]


def miscounted(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Replace what looks like a length or a count."""
    places = [at for at in range(len(body) - 3) if body[at + 1 : at + 4] in (b"\0\0\0", b"\xff\xff\xff")]
    if not places:
        return body
    at = chance.choice(places)
    return body[:at] + struct.pack("<i", chance.choice(EXTREMES)) + body[at + 4 :]


def retyped(body: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Say that it is another request."""
    return chance.choice(others)[:4] + body[4:]


def other_node(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    at = _place(body, chance)
    return body[:at] + chance.choice(_NODE_IDS) + body[at + chance.choice((0, 2, 4, 7)) :]


def nested(body: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Put Variants within Variants, or the like, somewhere."""
    level = chance.choice((b"\x98\x01\0\0\0", b"\x98\x02\0\0\0", b"\x17\x01", b"\xd8\x01\0\0\0", b"\x99\x01\0\0\0\x40"))
    depth = chance.choice((2, 50, 99, 101, 3000))
    at = _place(body, chance)
    return body[:at] + level * depth + chance.choice((b"\0", b"")) + body[at:]


MUTATIONS: tuple[Mutation, ...] = (
    flipped,
    overwritten,
    truncated,
    extended,
    spliced,
    moved,
    extreme,
    miscounted,
    retyped,
    other_node,
    nested,
)


def mutated(body: bytes, others: Sequence[bytes], chance: random.Random, keep: int = 0) -> bytes:
    """Return the bytes after one to four mutations, but for the first ones, which are kept."""
    head, tail = body[:keep], body[keep:]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        tail = chance.choice(MUTATIONS)(tail, others, chance)
    return (head + tail)[:_MOST]
