"""docs/facets.md is up to date, and what it says of each conformance unit is shown by tests that are there."""

from __future__ import annotations

import ast

from opcua_server.profile import Profile, Unit
from opcua_server.profiles import DATA_ACCESS, PROFILES, STANDARD, supported_units, supported_uris

from .facets import DOCUMENT, FOLDER, document, shown_by

UNITS = {unit.name: unit for profile in PROFILES for unit in profile.units}


def functions_of(file: str) -> set[str]:
    tree = ast.parse((FOLDER / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == document(), "run scripts/facets"


def test_each_unit_that_passes_is_shown_by_tests_and_no_other_is() -> None:
    assert sorted(shown_by()) == supported_units()


def test_the_tests_it_names_are_there() -> None:
    named = {test for tests in shown_by().values() for test in tests}
    files = {test.partition("::")[0] for test in named}
    there = {f"{file}::{name}" for file in files for name in functions_of(file)}
    assert sorted(named - there) == []


def test_a_unit_lacks_the_same_in_every_profile_but_for_being_optional() -> None:
    for profile in PROFILES:
        for unit in profile.units:
            assert bool(unit.lacks) == bool(UNITS[unit.name].lacks), unit.name


def test_included_profiles_are_listed_and_uris_are_different() -> None:
    assert {included for profile in PROFILES for included in profile.includes} <= set(PROFILES)
    assert len({profile.uri for profile in PROFILES}) == len(PROFILES)


def test_a_profile_is_supported_when_no_mandatory_unit_is_missing() -> None:
    whole = Profile("a", "urn:a", "", units=(Unit("one"), Unit("two", is_optional=True, lacks="time")))
    lacking = Profile("b", "urn:b", "", includes=(whole,), units=(Unit("three", lacks="time"),))
    assert whole.is_supported
    assert [unit.name for unit in lacking.missing] == ["three"]
    assert not Profile("c", "urn:c", "", includes=(lacking,)).is_supported
    assert DATA_ACCESS.uri in supported_uris()
    assert (STANDARD.uri in supported_uris()) == (not STANDARD.missing)
