"""The Like operator of filters (OPC 10000-4 v1.05 §7.7.3)."""

from __future__ import annotations

import re
from functools import lru_cache

_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)


def like(text: str, pattern: str) -> bool:
    """Tell whether a text matches a pattern of `%`, `_`, `[abc]`, `[a-c]`, `[^abc]`, a backslash before any of them."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a regular expression that never tries what a `%` has matched again: each next part is found once."""
    parts = [""]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        end = pattern.find("]", at + 2) if character == "[" else -1
        if character == "%":
            parts.append("")
        elif character == "_":
            parts[-1] += "."
        elif end > 0:
            parts[-1] += _list(pattern[at + 1 : end])
            at = end
        else:
            if character == "\\" and at + 1 < len(pattern):
                at += 1
            parts[-1] += re.escape(pattern[at])
        at += 1
    first, *rest = parts
    if not rest:
        return re.compile(first, re.DOTALL)
    *between, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between if part) + f".*{last}", re.DOTALL)


def _list(inside: str) -> str:
    """Return the character class of what stands in brackets; a range that runs backwards holds nothing."""
    excluded = inside.startswith("^") and len(inside) > 1
    members = ""
    for first, last, single in _RANGE.findall(inside[1:] if excluded else inside):
        if single or first <= last:
            members += re.escape(single) if single else f"{re.escape(first)}-{re.escape(last)}"
    if not members:
        return "." if excluded else "(?!)"
    return f"[{'^' if excluded else ''}{members}]"
