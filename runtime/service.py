"""How every service runs: settings, one event loop, signals, health, exit codes."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from runtime.ending import SIGNALS, end_at_once, end_quietly, was_told
from runtime.errors import GatewayError
from runtime.health import Health, HealthServer
from runtime.rate import measure
from runtime.running import make_data_directory
from runtime.settings import Settings
from runtime.settings_file import load_settings

DEFAULT_DATA = Path("data")
PARENT = "CSTR_GATEWAY_PARENT"
"""Environment variable: the process whose end is the service's end too, killed or not."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a service is given: it opens nothing that does not stand here."""

    name: str
    settings: Settings
    data: Path
    health: Health
    log: logging.Logger
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    @property
    def secrets(self) -> Path:
        """Where passwords and tokens made at first start lie, each 0600."""
        return self.data / "secrets"


Serve = Callable[[Context], Awaitable[None]]


def main(name: str, serve: Serve, argv: Sequence[str] | None = None) -> int:
    """Run a service as its `__main__` does: `python -P -m NAME --config FILE --data DIR`."""
    end_quietly()
    parser = argparse.ArgumentParser(prog=name, description=f"The {name} service of cstr-gateway.")
    parser.add_argument("--config", type=Path, help="settings file; its keys stand in config/gateway.yaml")
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="data directory (default ./data)")
    options = parser.parse_args(argv)
    try:
        settings = load_settings(options.config)
    except GatewayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    try:
        return run_service(name, serve, settings, options.data)
    finally:
        end_at_once()


def run_service(name: str, serve: Serve, settings: Settings, data: Path) -> int:
    """Run `serve` until it ends, fails, or SIGINT or SIGTERM comes; return the exit code.

    `serve` is cancelled on a signal and cleans up behind itself. A `GatewayError` ends the service with
    its text and exit code, anything else with a traceback and 3.
    """
    configure_logging(name)
    log = logging.getLogger(name)
    section = getattr(settings, name)
    health = Health(name)
    health.wait_for("start")
    context = Context(name, settings, data, health, log)
    try:
        make_data_directory(data)
        with HealthServer(health, context.registry, "127.0.0.1", section.health_port):
            asyncio.run(_run(context, serve))
    except GatewayError as error:
        log.error("%s", error)
        return error.exit_code
    except BaseExceptionGroup as group:
        known, other = group.split(GatewayError)
        if known is None or other is not None:
            return _unexpected(log, group, _first_leaf(other or group))
        first = _first_leaf(known)
        log.error("%s", first)
        return first.exit_code if isinstance(first, GatewayError) else 3
    except Exception as error:  # noqa: BLE001 - the top
        return _unexpected(log, error, error)
    log.info("ended")
    return 0


async def _run(context: Context, serve: Serve) -> None:
    loop = asyncio.get_running_loop()
    main_task = asyncio.ensure_future(serve(context))
    for number in SIGNALS:
        loop.add_signal_handler(number, main_task.cancel)
    if was_told():
        main_task.cancel()
    beside = asyncio.gather(_beat(context.health, main_task), measure(context.health, context.registry))
    context.log.info("starting, pid %d", os.getpid())
    try:
        await main_task
    except asyncio.CancelledError:
        if not main_task.cancelled():
            raise
    finally:
        beside.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beside


async def _beat(health: Health, main_task: asyncio.Future[None]) -> None:
    parent = os.environ.get(PARENT)
    while parent in (None, str(os.getppid())):
        health.beat()
        await asyncio.sleep(1)
    main_task.cancel()  # on Linux the kernel would have been there first


def _unexpected(log: logging.Logger, error: BaseException, cause: BaseException) -> int:
    """Log the traceback, and the cause last: it is what the supervisor tells."""
    log.error("an unexpected error", exc_info=error)
    log.error("ended by %s: %s", type(cause).__name__, cause)
    return 3


def _first_leaf(error: BaseException) -> BaseException:
    return _first_leaf(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def configure_logging(name: str) -> None:
    """Log plain lines on stderr: time, service, level, message."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s {name} %(levelname)s %(message)s",
        force=True,
    )
    for noisy in ("asyncua", "aiomqtt", "uvicorn", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
