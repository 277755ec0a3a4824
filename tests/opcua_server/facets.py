"""Makes docs/facets.md: each profile, its conformance units, the tests that show them, and what is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from opcua_server.profile import Profile, Unit
from opcua_server.profiles import PROFILES

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parents[1] / "docs" / "facets.md"
_HEAD = """# Facets: what the server supports of OPC 10000-7, and the test that shows it

Made by `scripts/facets` from `opcua_server/profiles.py` and `tests/opcua_server/facets.yaml`: do not edit. A profile
that passes is one of which no mandatory conformance unit is missing; `Server.ServerCapabilities.ServerProfileArray`
lists these and no others, `ConformanceUnits` the units. The units are those of OPC 10000-7 v1.04, the last version
that lists them on paper; those of the security policies are in the profile database only. Events and alarms have
profiles of their own that are not aimed at here, and so have annotations.
"""


def shown_by() -> dict[str, list[str]]:
    """Return the tests of each unit."""
    tests: dict[str, list[str]] = yaml.safe_load((FOLDER / "facets.yaml").read_text())
    return tests


def document() -> str:
    """Return docs/facets.md as it is to be."""
    lines = [_HEAD, "| profile | state |", "|---|---|"]
    lines += [f"| [{each.name}](#{_anchor(each.name)}) | {_state(each)} |" for each in PROFILES]
    for profile in PROFILES:
        lines += ["", *_section(profile)]
    return "\n".join(lines) + "\n"


def _section(profile: Profile) -> Iterator[str]:
    yield f"## {profile.name}"
    yield ""
    yield f"`{profile.uri}`; {profile.source}. {_capital(_state(profile))}."
    if profile.includes:
        yield ""
        yield "Includes: " + ", ".join(f"[{each.name}](#{_anchor(each.name)})" for each in profile.includes) + "."
    if profile.units:
        yield ""
        yield "| conformance unit | state | shown by |"
        yield "|---|---|---|"
        tests = shown_by()
        yield from (_row(unit, tests.get(unit.name, [])) for unit in profile.units)


def _row(unit: Unit, tests: list[str]) -> str:
    name = f"{unit.name} (optional)" if unit.is_optional else unit.name
    state = f"not offered: {unit.lacks}" if unit.lacks else "passes"
    shown = ", ".join(f"`{test}`" for test in tests) or "-"
    return f"| {name} | {state} | {shown} |"


def _state(profile: Profile) -> str:
    if profile.is_supported:
        return "passes"
    units = list(profile.all_units())
    missing = ", ".join(unit.name for unit in profile.missing)
    word = "partly" if any(not unit.lacks for unit in units) else "not offered"
    return f"{word}, without {missing}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _anchor(name: str) -> str:
    return "".join(letter for letter in name.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def main() -> int:
    """Write the document, or with --check tell whether it is up to date."""
    if "--check" in sys.argv[1:]:
        return int(DOCUMENT.read_text() != document())
    DOCUMENT.write_text(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
