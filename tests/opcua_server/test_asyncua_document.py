"""docs/asyncua.md says of every conformity test whether the unmodified library fails it, and names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "asyncua.md").read_text()
CONFORMITY = Path(__file__).with_name("conformity")


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {f"{path.name}::{each.name}" for each in functions if each.name.startswith("test_")}


def test_every_conformity_test_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| `(test_\w+\.py::test_\w+)` \| (?:fails|passes) \|$", DOCUMENT, re.MULTILINE)
    there = {name for path in CONFORMITY.glob("test_*.py") for name in functions_of(path)}
    assert len(there) > 100
    assert sorted(listed) == sorted(there)


def test_most_of_them_fail_on_the_unmodified_library() -> None:
    assert DOCUMENT.count("| fails |") > DOCUMENT.count("| passes |")


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:opcua_server|runtime|tests)/[\w/]+\.(?:py|js))`", DOCUMENT))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_tests_it_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT))
    there = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert [name for name in sorted(named) if f"def {name}(" not in there] == []
