"""`cstr-gateway inject` and `clear`: faults on a running plant."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from plant.clock import seconds_from_duration
from plant.faults import PARAMETERS, FaultError, Faults
from plant.names import FIRST_REACTOR, node_id_text
from runtime.errors import BadInput

Data = Annotated[Path, typer.Option(help="Data directory of the running plant.")]
_DURATIONS = {"for": "for_s", "ramp": "ramp_s"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("inject")(inject)
    app.command("clear")(clear)


def inject(
    reactor: Annotated[str, typer.Argument(help="E.g. R101.")],
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(PARAMETERS)}.")],
    parameters: Annotated[list[str] | None, typer.Argument(help="signal=T size=10 ramp=30s for=10min")] = None,
    data: Data = Path("data"),
) -> None:
    """Start a fault on a running plant and print its id.

    Example: cstr-gateway inject R101 bias signal=T size=10 for=10min
    """
    given = parse_parameters(parameters or [])
    try:
        Faults(1).inject(0, kind, given, 0)
    except FaultError as error:
        raise BadInput(f"inject: {error}") from None
    print(asyncio.run(_call(data, reactor, "Inject", kind, json.dumps(given)))[0])


def clear(
    reactor: Annotated[str, typer.Argument(help="E.g. R101.")],
    fault_id: Annotated[str, typer.Argument(help="Of one fault; all of the reactor without it.")] = "",
    data: Data = Path("data"),
) -> None:
    """End a fault of a running plant, or all of a reactor.

    Example: cstr-gateway clear R101
    """
    asyncio.run(_call(data, reactor, "Clear", fault_id))


def parse_parameters(pairs: list[str]) -> dict[str, Any]:
    """Return fault parameters from `name=value` words; `for` and `ramp` are durations.

    Raises:
        BadInput: naming the word and what is allowed.
    """
    parameters: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals and text):
            message = f"inject: {pair!r}: allowed is name=value, e.g. signal=T size=10 ramp=30s for=10min"
            raise BadInput(message)
        try:
            if name in _DURATIONS:
                parameters[_DURATIONS[name]] = seconds_from_duration(text)
            else:
                parameters[name] = _number_or_text(text)
        except ValueError as error:
            raise BadInput(f"inject: {name}: {error}") from None
    return parameters


def _number_or_text(text: str) -> float | str:
    """Return what was given; whether it may stand there, the fault's own check says."""
    try:
        return float(text)
    except ValueError:
        return text


async def _call(data: Path, reactor: str, method: str, *arguments: str) -> list[Any]:
    from gateway.plant_link import plant_link

    async with plant_link(data) as link:
        (present,) = await link.read([f"{reactor}.Simulation.ActiveFaults"])
        if present.is_bad:
            message = f"{reactor!r} is not served ({node_id_text(reactor)}); the first reactor is R{FIRST_REACTOR}"
            raise BadInput(message)
        return await link.call(f"{reactor}.Simulation", method, *arguments)
