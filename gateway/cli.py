"""The `cstr-gateway` command: one Typer app, put together from `gateway/commands/`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import typer

import gateway.commands
from runtime.errors import GatewayError

app = typer.Typer(
    name="cstr-gateway",
    help="A chemical plant you can plug your SCADA into: `cstr-gateway up` starts all of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _module in pkgutil.iter_modules(gateway.commands.__path__):
    importlib.import_module(f"gateway.commands.{_module.name}").register(app)


def main() -> None:
    """Run the command; errors a person can act on end with their text on stderr and their exit code."""
    try:
        app(prog_name="cstr-gateway")
    except GatewayError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(0)
