"""What was changed: what it was before, or what was inserted, and by whom (OPC 10000-11 v1.05 §6.5.3.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from opcua_server.historical_access.encoding import fitting
from opcua_server.historical_access.points import ContinuationPoint
from opcua_server.historical_access.raw import Span
from plant import quality
from timeseries.amended import Modification
from timeseries.columns import Columns
from timeseries.reading import History

_INFO, _LENGTH = struct.Struct("<qI"), struct.Struct("<i")


@dataclass(frozen=True, slots=True)
class Point(ContinuationPoint):
    """Time and number of the modification that was sent last."""

    layout = struct.Struct("<qq")

    time: int
    id: int


def read(
    history: History, number: int, span: Span, most: int, point: Point | None, octets: int
) -> tuple[Columns, list[bytes], Point | None]:
    """Return at most so many samples, and bytes, with their ModificationInfos; and where the rest begins, if any.

    Of one time the latest comes first, backward last.
    """
    after = (point.time, point.id) if point is not None else None
    found = history.amendments.modifications(number, *span.within, most + 1, after, backward=span.is_backward)
    infos = [_encoded(info) for info in found.infos]
    count = min(most, fitting(found.samples, octets, infos))
    if len(infos) <= count:
        return found.samples, infos, None
    last = found.infos[count - 1]
    return found.samples.take(np.arange(count)), infos[:count], Point(last.time, last.id)


def _encoded(info: Modification) -> bytes:
    """Return a ModificationInfo (OPC 10000-11 v1.05 §6.6.3)."""
    name = info.author.user.encode() if info.author.user is not None else None
    user = _LENGTH.pack(-1) if name is None else _LENGTH.pack(len(name)) + name
    return _INFO.pack(info.author.time, info.change) + user


def marked(history: History, number: int, samples: Columns) -> Columns:
    """Return samples with the ExtraData bit where there are modifications of their time."""
    if not len(samples):
        return samples
    times = samples.times
    modified = history.amendments.modified_times(number, int(times.min()), int(times.max()) + 1)
    if not len(modified):
        return samples
    is_modified = np.isin(times, modified)
    return samples.with_statuses(
        np.where(is_modified, samples.statuses | np.uint32(quality.EXTRA_DATA), samples.statuses)
    )
