"""The long run: `scripts/fuzz --messages 1000000 --seed 1`. Ends 1 when something was found."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .run import described, run


def main(
    messages: Annotated[int, typer.Option(min=1, help="How many mutated messages.")] = 1_000_000,
    seed: Annotated[int | None, typer.Option(help="Of all that is random; without it a new one.")] = None,
    folder: Annotated[Path | None, typer.Option(help="For the server's data, its log, and what was found.")] = None,
) -> None:
    """Send mutated messages to a server of its own whose plant runs, e.g. --messages 100000 --seed 7."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its server ends with it
    seed = random.randrange(1 << 32) if seed is None else seed
    folder = folder or Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}; data, log and what is found: {folder}", file=sys.stderr)
    say = lambda text: print(text, file=sys.stderr, flush=True)  # noqa: E731
    outcome = asyncio.run(run(folder, seed, messages=messages, seconds=float("inf"), say=say))
    print(json.dumps(described(outcome), indent=2))
    sys.exit(1 if outcome.faults() else 0)


if __name__ == "__main__":
    typer.run(main)
