"""`cstr-gateway up`: the whole plant on this machine."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from plant.clock import seconds_from_duration
from runtime.errors import BadInput
from runtime.settings_file import check_secret_files, load_settings
from runtime.users_file import check_users


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(up)


def up(
    config: Annotated[Path | None, typer.Option(help="Settings file; its keys stand in config/gateway.yaml.")] = None,
    data: Annotated[Path, typer.Option(help="Data directory; a second run on it goes on where this one ends.")] = Path(
        "data"
    ),
    reactors: Annotated[int | None, typer.Option(help="How many: R101, R102, ...")] = None,
    speed: Annotated[float | None, typer.Option(help="Plant seconds a wall-clock second.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of noise and disturbances.")] = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="Wall time after which it ends by itself, e.g. 60s.")
    ] = None,
    ports: Annotated[str | None, typer.Option(help="auto: free ports, so that plants run side by side.")] = None,
    listen: Annotated[str | None, typer.Option(help="Address to listen on; off loopback, clients log in.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Name clients use; may be given several times.")] = None,
    influxdb: Annotated[bool, typer.Option("--influxdb", help="Add the real Telegraf and InfluxDB.")] = False,
) -> None:
    """Run everything: embedded PostgreSQL and MQTT broker, OPC UA server, controller, historian, detector.

    Example: cstr-gateway up --reactors 3 --for 10min
    """
    settings = load_settings(
        config,
        {
            "plant.reactors": reactors,
            "plant.speed": speed,
            "plant.seed": seed,
            "server.listen": listen,
            "server.hosts": host or None,
        },
    )
    check_secret_files(settings, config)
    if settings.server.url is None:
        check_users(settings.server, data)
    if ports not in (None, "auto"):
        message = f"--ports {ports!r}: allowed is auto; single ports are set by their keys, e.g. server.port"
        raise BadInput(message)
    try:
        for_s = seconds_from_duration(for_) if for_ is not None else None
    except ValueError as error:
        raise BadInput(f"--for: {error}") from None
    print("starting the plant; the first start takes some seconds more", file=sys.stderr)
    from gateway.up.parts import with_free_ports
    from gateway.up.run import run

    logging.basicConfig(
        level=logging.ERROR if sys.stdout.isatty() else logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(name)s %(levelname)s %(message)s",
    )
    for noisy in ("asyncua", "aiomqtt", "mqtt", "opcua_link"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    run(with_free_ports(settings) if ports == "auto" else settings, data, influxdb=influxdb, for_s=for_s)
