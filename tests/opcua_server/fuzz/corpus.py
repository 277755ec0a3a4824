"""Bodies of requests in `corpus/`, as hexadecimal: one of each kind, and what has found something once."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
_TOKEN = b"\x05\x00\x00\x20\x00\x00\x00"
"""Begins an AuthenticationToken; in a file its 32 bytes are zero."""
TOKEN_BYTES = 32
_LINE = 100


def load() -> list[bytes]:
    """Return all of them."""
    return [bytes.fromhex(_without_comments(file.read_text())) for file in sorted(FOLDER.glob("*.hex"))]


def with_token(body: bytes, identifier: bytes) -> bytes:
    """Return a body in which a session's token is another's."""
    at = body.find(_TOKEN)
    start = at + len(_TOKEN)
    if at < 0 or len(body) < start + TOKEN_BYTES:
        return body
    return body[:start] + identifier + body[start + TOKEN_BYTES :]


def end_of_token(body: bytes) -> int:
    """Return where the token ends, 0 where there is none."""
    at = body.find(_TOKEN)
    return at + len(_TOKEN) + TOKEN_BYTES if at >= 0 else 0


def save(folder: Path, name: str, body: bytes, comment: str) -> None:
    """Write a body, without its token, to be looked at or kept."""
    digits = with_token(body, bytes(TOKEN_BYTES)).hex()
    lines = [digits[start : start + _LINE] for start in range(0, len(digits), _LINE)]
    (folder / f"{name}.hex").write_text("\n".join((f"# {comment}", *lines, "")))


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.startswith("#"))
