"""The reference control run: its own server and controller, in lockstep over a real OPC UA connection."""

from __future__ import annotations

import asyncio
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

from gateway.components.component import ComponentError
from gateway.up.parts import ServicePart, totals, with_free_ports
from gateway.up.process import Child, spawn
from plant.pid import REFERENCE_INTERVAL_S, REFERENCE_SAMPLES
from runtime.errors import BadInput, CouldNotRun
from runtime.settings_file import dump_settings, load_settings
from runtime.whole_files import write_private

ENDS_WITHIN_S = 120.0
LOOK_EVERY_S = 0.1
RESULT = "reference.csv"


async def run(out: Path, progress: Callable[[int], None]) -> None:
    """Run it and write the CSV; `progress` is told the samples done.

    Raises:
        BadInput: when `out` cannot be written.
        CouldNotRun: when server or controller fails, with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="cstr-gateway-reference-") as folder:
        data = Path(folder)
        settings = with_free_ports(
            load_settings(
                None,
                {
                    "plant.reactors": 1,
                    "plant.ideal": True,
                    "server.lockstep": True,
                    "controller.interval_s": REFERENCE_INTERVAL_S,
                    "controller.law": "reference",
                },
                env={},
            )
        )
        file = data / "settings.yaml"
        write_private(file, dump_settings(settings))
        ports = {"server": settings.server.health_port, "controller": settings.controller.health_port}
        children: list[Child] = []
        try:
            for name, port in ports.items():
                part = ServicePart(name, file, data, port)
                children.append(spawn(part.spec(), data / f"{name}.log"))
            await _until_ended(children, ports["controller"], progress)
        finally:
            for child in reversed(children):
                await child.stop()
        progress(REFERENCE_SAMPLES)
        await asyncio.to_thread(_copy, data / RESULT, out)


def _copy(result: Path, out: Path) -> None:
    try:
        out.write_bytes(result.read_bytes())
    except OSError as error:
        message = f"{out}: cannot be written: {error.strerror}"
        raise BadInput(message) from None


async def _until_ended(children: list[Child], health_port: int, progress: Callable[[int], None]) -> None:
    server, controller = children
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            while controller.returncode is None:
                if server.returncode is not None:
                    message = f"the server {server.end_reason()}"
                    raise ComponentError(message)
                counted = await asyncio.to_thread(totals, health_port)
                progress(int(counted.get("cstr_loop_executions_total", 0)))
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError:
        message = f"the reference run did not end within {ENDS_WITHIN_S:g} s; controller: {controller.last_line()}"
        raise CouldNotRun(message) from None
    if controller.returncode != 0:
        message = f"the controller {controller.end_reason()}"
        raise ComponentError(message)


def draw(file: Path, picture: Path) -> None:
    """Write a picture of the run: T and its setpoint, Ca, the jacket.

    Raises:
        BadInput: when the picture cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with file.open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    column = {name: [float(row[name]) for row in rows] for name in rows[0]}
    figure, axes = plt.subplots(3, 1, figsize=(10, 8), sharex=True, layout="constrained")
    minutes = column["time_min"]
    axes[0].step(minutes, column["sp_k"], where="post", color="#dc2626", label="SP, K", linewidth=1.1)
    axes[0].plot(minutes, column["t_k"], color="#2563eb", label="T, K", linewidth=1.1)
    axes[1].plot(minutes, column["ca_mol_l"], color="#059669", label="Ca, mol/L", linewidth=1.1)
    axes[2].step(minutes, column["tc_k"], where="post", color="#d97706", label="Tc, K", linewidth=1.1)
    for axis in axes:
        axis.legend(loc="upper left", frameon=False, fontsize=9)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("plant time, min")
    try:
        figure.savefig(picture, dpi=120)
    except (OSError, ValueError) as error:
        message = f"{picture}: cannot be written: {error}"
        raise BadInput(message) from None
    finally:
        plt.close(figure)
