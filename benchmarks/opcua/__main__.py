"""Our OPC UA server beside unmodified asyncua and node-opcua, in one run, with a raw client as the load.

    .venv/bin/python -m benchmarks.opcua [--work NAME]... [--server NAME]... [--seconds 10] [--tags 10000]

The server has one core, the load generator another; nothing else should run on the machine. What is measured and how
stands in docs/performance.md, which `--markdown docs/performance.md` fills. All of it takes about an hour.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from asyncua import ua

from benchmarks.opcua.channel import Disconnected
from benchmarks.opcua.progress import say
from benchmarks.opcua.report import Report
from benchmarks.opcua.servers.process import GENERATOR_CORE, NotReady
from benchmarks.opcua.suite import SERVERS, WORKS
from benchmarks.opcua.works.streams import Options


def main(
    work: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(WORKS)}; all by default.")] = None,
    server: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(SERVERS)}; all by default.")] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="How long each measurement lasts.")] = 10.0,
    tags: Annotated[int, typer.Option(min=500, help="Of each server.")] = 10_000,
    json: Annotated[Path | None, typer.Option(help="Write everything to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Fill in the tables of this file.")] = None,
) -> None:
    """Measure and print; exit 1 when something could not be measured."""
    works, servers = _chosen("work", work, list(WORKS)), _chosen("server", server, list(SERVERS))
    if len(os.sched_getaffinity(0)) < 2:
        say("one core: server and load generator take it from each other, and the figures say little")
    else:
        os.sched_setaffinity(0, {GENERATOR_CORE})
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its servers end with it
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    found = Report(settings=f"{tags:,} tags, {seconds:g} s each.")
    steps = [(work_name, server_name) for work_name in works for server_name in servers]
    for number, (work_name, server_name) in enumerate(steps, 1):
        say(f"{number} of {len(steps)}: {work_name}, {server_name}")
        try:
            WORKS[work_name](server_name, Options(seconds, tags), found)
        except (NotReady, Disconnected, OSError, ua.UaError) as error:
            found.failures.append(f"{work_name}, {server_name}: {type(error).__name__}: {error}")
            say(found.failures[-1])
    found.show()
    if json is not None:
        found.write_json(json)
    if markdown is not None:
        found.write_markdown(markdown)
    sys.exit(1 if found.failures else 0)


def _chosen(option: str, given: list[str] | None, known: list[str]) -> list[str]:
    unknown = [name for name in given or [] if name not in known]
    if unknown:
        message = f"{unknown[0]!r}: allowed are {', '.join(known)}"
        raise typer.BadParameter(message, param_hint=f"--{option}")
    return given or known


if __name__ == "__main__":
    typer.run(main)
