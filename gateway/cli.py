"""The `cstr-gateway` command: one Typer app, put together from `gateway/commands/`."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

from runtime.ending import end_at_once, end_quietly, was_told
from runtime.errors import GatewayError

if TYPE_CHECKING:
    import typer


def main() -> None:
    """Run the command; errors a person can act on end with their text on stderr and their exit code.

    After a signal nothing is an error: what it interrupted, an import say, may have made another one of its exception.
    """
    end_quietly()
    if isinstance(sys.stdout, io.TextIOWrapper):  # what strangers have said of themselves may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    logging.getLogger("asyncua").setLevel(logging.ERROR)  # what it warns of is told by the command, too
    try:
        make_app()(prog_name="cstr-gateway")
    except GatewayError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:
        if not was_told():
            raise
    finally:
        end_at_once()


def make_app() -> typer.Typer:
    """Return the app; the imports stand here since they take longer than a hasty Ctrl-C."""
    import importlib
    import pkgutil

    import typer

    import gateway.commands

    app = typer.Typer(
        name="cstr-gateway",
        help="A chemical plant you can plug your SCADA into: `cstr-gateway up` starts all of it.\n\n"
        "Example: cstr-gateway up --reactors 3 --for 10min",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in pkgutil.iter_modules(gateway.commands.__path__):
        importlib.import_module(f"gateway.commands.{module.name}").register(app)
    return app
