"""Changes to the history of one node (OPC 10000-11 v1.05 §6.9), each done whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncua import ua

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.signals import Signal
from runtime.opcua_link.datavalues import status_of
from runtime.opcua_link.filetime import ticks_of
from timeseries.amended import Author, Change, Row, columns_of
from timeseries.amending import Amender, Outcome, TooMany
from timeseries.columns import Columns
from timeseries.signals import DATETIME, SignalInfo

MAX_DELETED = 100_000
"""Samples that are deleted at once."""
_NO_TIME_BELOW = TICKS_PER_SECOND
_CHANGES = {
    ua.PerformUpdateType.Insert: Change.INSERT,
    ua.PerformUpdateType.Replace: Change.REPLACE,
    ua.PerformUpdateType.Update: Change.UPDATE,
}
_CODES: Mapping[Outcome, int] = {
    Outcome.INSERTED: quality.GOOD_ENTRY_INSERTED,
    Outcome.REPLACED: quality.GOOD_ENTRY_REPLACED,
    Outcome.IS_THERE: quality.BAD_ENTRY_EXISTS,
    Outcome.IS_NOT_THERE: quality.BAD_NO_ENTRY_EXISTS,
    Outcome.DELETED: quality.GOOD,
}
_CODE_BITS = 0xFFFF_0000
"""Of a StatusCode; no others are kept, for limits are not supported (OPC 10000-8 v1.04 §6.3.3)."""


@dataclass(frozen=True, slots=True)
class Updated:
    """The answer for one node, and what was there before."""

    status: int
    operations: Sequence[int] = ()
    before: Columns | None = None

    @property
    def code(self) -> int:
        """Good where anything was done, else why nothing was."""
        codes = self.operations or (self.status,)
        return self.status if quality.is_bad(self.status) else min(codes, key=quality.is_bad)


@dataclass(frozen=True, slots=True)
class Storable:
    """From when to when samples are taken, ticks, and the epoch that they are of."""

    low: int
    high: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Update:
    """Changes what one node has recorded."""

    amender: Amender
    number: int
    info: SignalInfo
    signal: Signal
    storable: Storable
    longest: int
    """Bytes of a text."""
    author: Author

    def put(self, details: ua.UpdateDataDetails) -> Updated:
        """Insert, replace, or either; a value that is not taken does not hinder the others."""
        change = _CHANGES.get(details.PerformInsertReplace)
        if change is None or not details.UpdateValues:
            return Updated(quality.BAD_INVALID_ARGUMENT)
        checked = [self._row(value) for value in details.UpdateValues]
        rows = [row for row in checked if not isinstance(row, int)]
        done = self.amender.put(self.number, self.info, columns_of(self.number, rows), change, self.author)
        outcomes = iter(done.outcomes)
        codes = [each if isinstance(each, int) else _CODES[next(outcomes)] for each in checked]
        return Updated(quality.GOOD, codes, done.before)

    def delete(self, details: ua.DeleteRawModifiedDetails) -> Updated:
        """Delete what there is of a span, or what is known of changes in it."""
        start, end = ticks_of(details.StartTime), ticks_of(details.EndTime)
        if start < _NO_TIME_BELOW or end < start:
            return Updated(quality.BAD_INVALID_ARGUMENT)
        end += start == end  # then what is at that time is meant
        if details.IsDeleteModified:
            gone = self.amender.forget_modifications(self.number, start, end)
        else:
            try:
                gone = self.amender.delete(self.number, self.info, start, end, self.author, MAX_DELETED)
            except TooMany:
                return Updated(int(ua.StatusCodes.BadTooManyOperations))
        return Updated(quality.GOOD if len(gone) else quality.BAD_NO_DATA, before=gone)

    def delete_at(self, details: ua.DeleteAtTimeDetails) -> Updated:
        """Delete what there is of some times."""
        if not details.ReqTimes:
            return Updated(quality.BAD_INVALID_ARGUMENT)
        times = [ticks_of(time) for time in details.ReqTimes]
        done = self.amender.delete_at(self.number, self.info, times, self.author)
        return Updated(quality.GOOD, [_CODES[each] for each in done.outcomes], done.before)

    def _row(self, data: ua.DataValue) -> Row | int:
        """Return a value as it is stored, or why it is not taken."""
        time = ticks_of(data.SourceTimestamp)
        if time < _NO_TIME_BELOW:
            return quality.BAD_INVALID_TIMESTAMP
        if not self.storable.low <= time <= self.storable.high:
            return quality.BAD_OUT_OF_RANGE
        status, variant = status_of(data) & _CODE_BITS, data.Value
        value: Any = variant.Value if variant is not None else None
        word, text = 0, None
        if value is None:
            if not quality.is_bad(status):
                return quality.BAD_TYPE_MISMATCH
        elif variant is None or variant.is_array or variant.VariantType.value != self.info.data_type:
            return quality.BAD_TYPE_MISMATCH
        elif not quality.is_bad(status):
            refused = _refusal(value, self.signal, self.longest)
            if quality.is_bad(refused):
                return refused
            if self.info.is_text:
                text = value
            else:
                word = ticks_of(value) if self.info.data_type == DATETIME else self.info.word(value)
        server_time = ticks_of(data.ServerTimestamp) or self.author.time
        return time, self.storable.epoch, server_time, status, word, 0, text


def _refusal(value: Any, signal: Signal, longest: int) -> int:
    """Return Good, or why a value of the right type is none of its signal."""
    if isinstance(value, float) and not math.isfinite(value):
        return quality.BAD_OUT_OF_RANGE
    if signal.enumeration and not 0 <= value < len(signal.enumeration):
        return quality.BAD_OUT_OF_RANGE
    if isinstance(value, str):
        try:
            return quality.GOOD if len(value.encode()) <= longest else quality.BAD_OUT_OF_RANGE
        except UnicodeEncodeError:
            return quality.BAD_OUT_OF_RANGE
    return quality.GOOD
