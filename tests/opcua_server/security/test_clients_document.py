"""docs/clients.md says of each foreign client what its test does."""

from __future__ import annotations

from pathlib import Path

from gateway.components.catalogue import GOPCUA, MILO, NODE_OPCUA

from .foreign_client import MAY, POLICIES

HERE = Path(__file__).parent
DOCUMENT = (HERE.parents[2] / "docs" / "clients.md").read_text()


def test_it_names_each_client_with_the_version_policies_and_tokens_of_its_test() -> None:
    lines = [line for line in DOCUMENT.splitlines() if "_meets_the_server.py`" in line]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines]
    assert [(row[0], row[1]) for row in rows] == [(each.name, each.version) for each in (NODE_OPCUA, MILO, GOPCUA)]
    for row in rows:
        assert (row[3], row[4]) == (", ".join((*POLICIES, "None")), ", ".join(MAY))


def test_whose_reading_of_history_is_tested_is_told_with_its_version() -> None:
    (line,) = [line for line in DOCUMENT.splitlines() if "_history.py`" in line]
    assert f"| `{NODE_OPCUA.name}` | {NODE_OPCUA.version} |" in line
    named = [part for part in line.split("`") if part.endswith(".py")]
    assert named
    assert all((HERE.parent / name).exists() for name in named)


def test_each_client_has_its_test_and_each_test_its_row() -> None:
    assert all(f"`{path.name}`" in DOCUMENT for path in HERE.glob("test_*_meets_the_server.py"))
    assert DOCUMENT.count("_meets_the_server.py`") == len(list(HERE.glob("test_*_meets_the_server.py"))) == 3
