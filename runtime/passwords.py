"""Passwords of people, kept as argon2id hashes (RFC 9106).

They are compared in Unicode's normal form C (RFC 8265): keyboards differ in how they send an umlaut.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 256
"""Characters of a password; more may not fit a client's token."""
_HASHER = PasswordHasher(time_cost=3, memory_cost=19 << 10, parallelism=1)
"""19 MiB three times over in one thread, above the least that OWASP's password storage cheat sheet names: 50 to 100 ms
that a server which also computes a plant can spare. A hash names its own parameters, so old ones outlive a change here.
"""


def hash_password(password: str) -> str:
    """Return the hash that is kept: argon2id, its parameters and a random salt."""
    return _HASHER.hash(_normal(password))


def is_password(password: str, hashed: str) -> bool:
    """Tell whether this is the password; takes as long as one hash, and lets other threads run.

    Raises:
        ValueError: when the hash is none.
    """
    try:
        return _HASHER.verify(hashed, _normal(password))
    except VerificationError:
        return False
    except InvalidHashError:
        raise ValueError(_not_a_hash()) from None


def check_hash(hashed: str) -> str:
    """Return the hash.

    Raises:
        ValueError: when it is none of argon2id.
    """
    try:
        kind = extract_parameters(hashed).type
    except InvalidHashError:
        kind = None
    if kind is not Type.ID:
        raise ValueError(_not_a_hash())
    return hashed


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _not_a_hash() -> str:
    return "allowed is an argon2id hash, as `cstr-gateway users passwd` writes it"
