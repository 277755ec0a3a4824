"""What commands say before they ask a plant."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from gateway.cli import make_app
from gateway.commands.faults import parse_parameters
from plant.faults import PARAMETERS
from runtime.errors import BadInput


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bias", "signal=T", "size=abc"], r"inject: size: 'abc': allowed is a number from -\d+ to \d+"),
        (["bias", "signal=5", "size=1"], r"inject: signal: 5\.0: allowed are T, "),
        (["bias", "signal=T", "size=1", "for=abc"], r"inject: for: duration 'abc': allowed is a number and one of"),
        (
            ["sensor-failure", "signal=T", "size=1"],
            "inject: size: no parameter of sensor-failure; allowed are signal, ",
        ),
        (["bias", "signal"], r"inject: 'signal': allowed is name=value"),
    ],
)
def test_a_fault_that_is_not_allowed_says_what_is(words: list[str], said: str) -> None:
    result = CliRunner().invoke(make_app(), ["inject", "R101", *words])
    assert isinstance(result.exception, BadInput)
    with pytest.raises(BadInput, match=said):
        raise result.exception


def test_parameters_are_numbers_texts_and_durations() -> None:
    given = parse_parameters(["signal=T", "size=10", "ramp=30s", "for=2min"])
    assert given == {"signal": "T", "size": 10.0, "ramp_s": 30.0, "for_s": 120.0}


def test_the_help_names_each_kind() -> None:
    shown = "".join(CliRunner().invoke(make_app(), ["inject", "--help"], env={"COLUMNS": "200"}).output.split())
    assert all(kind in shown for kind in PARAMETERS)


@pytest.mark.parametrize("words", [[], ["query"], ["up"], ["inject"], ["server"]])
def test_each_help_shows_an_example(words: list[str]) -> None:
    assert "Example: cstr-gateway" in " ".join(CliRunner().invoke(make_app(), [*words, "--help"]).output.split())
