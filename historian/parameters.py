"""What a question over HTTP may be asked with: a misspelt parameter is refused, not passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_origin

from fastapi import HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute


async def refuse_others(request: Request) -> None:
    """Return if each parameter of a request is one that its path knows, and is there as often as it may be.

    A coroutine, so that no answer waits for a thread for it.

    Raises:
        HTTPException: naming the first that is not, and what is allowed.
    """
    route: APIRoute = request.scope["route"]
    several = dict(_known(route.dependant))
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in several:
            raise HTTPException(422, f"parameter {name!r}: allowed are {', '.join(several) or 'none'}")
        if count > 1 and not several[name]:
            raise HTTPException(422, f"parameter {name!r}: is there {count} times; allowed is once")


def _known(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the parameters, and which may be there several times."""
    for field in dependant.query_params:
        yield field.alias, get_origin(field.field_info.annotation) is list
    for each in dependant.dependencies:
        yield from _known(each)
