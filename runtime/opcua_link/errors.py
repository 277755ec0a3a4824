"""What goes wrong at an OPC UA server, in the product's own exceptions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from asyncua import ua

from plant import quality
from runtime.errors import BadInput, LinkLost
from runtime.opcua_link.binary import Malformed


@contextlib.contextmanager
def link_errors(where: str) -> Iterator[None]:
    """Turn what is raised when a server is away, no longer knows us, or sends what is no answer, into `LinkLost`."""
    try:
        yield
    except (OSError, TimeoutError, ua.UaError) as error:
        reason = str(error) or type(error).__name__
        raise LinkLost(f"OPC UA server {where}: {reason}") from error
    except (Malformed, AssertionError) as error:  # asyncua asserts that what opens a channel could be read
        reason = str(error) or "no secure channel"
        raise LinkLost(f"OPC UA server {where}: what it sent cannot be read: {reason}") from error


class CallRefused(BadInput):
    """A Method answered with a Bad code; the text names it, and the argument at fault."""

    def __init__(self, method: str, status: int, arguments: list[int]) -> None:
        at_fault = [
            f"argument {place + 1} is {quality.name_of(code)}"
            for place, code in enumerate(arguments)
            if quality.is_bad(code)
        ]
        super().__init__(f"{method}: {quality.name_of(status)}" + (f" ({', '.join(at_fault)})" if at_fault else ""))
        self.status = status
