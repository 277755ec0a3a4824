"""The samples of one signal as columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from plant import quality
from plant.sample import Scalar

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Statuses = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Decode = Callable[[float], Scalar]

_CODE = np.uint32(0xFFFF0000)


def whole(value: float) -> int:
    """Return the nearest whole number: what an Int32 between two others is."""
    return round(value)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Samples in order of time, each time once; columns of one length."""

    times: Times
    """Ticks."""
    values: Values
    """Numbers in the signal's unit, Booleans as 0 and 1, texts by their place in the series; any where Bad."""
    statuses: Statuses
    """StatusCodes, whole."""
    stepped: bool
    """True where a value holds until the next one."""
    covered_to: int | None = None
    """Up to when the last value is known to hold where no more samples come (OPC 10000-13 v1.05 §3.1.9)."""
    decode: Decode = float
    """Gives a number of `values` the signal's own type."""
    is_text: bool = False
    is_ranked: bool = False
    exact: NDArray[np.integer] | None = None
    """The same values where they are integers of which `values` cannot hold each (beyond 2^53)."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[object]], *, stepped: bool, covered_to: int | None = None) -> Series:
        """Return a series from (time, value, status) rows."""
        times, scalars, statuses = zip(*rows, strict=True) if rows else ((), (), ())
        columns = np.array(times, np.int64), np.array(statuses, np.uint32)
        kinds = set(map(type, scalars)) - {type(None)}
        if str in kinds:
            texts = cast(Sequence[Scalar], scalars)
            places = np.arange(len(texts), dtype=np.float64)
            return cls(columns[0], places, columns[1], True, covered_to, lambda at: texts[int(at)], is_text=True)
        decode = bool if kinds == {bool} else whole if kinds == {int} else float
        stepped = stepped or kinds == {bool}
        return cls(columns[0], np.array(scalars, np.float64), columns[1], stepped, covered_to, decode)

    def ranked(self) -> Series:
        """Return the series with exact values by their rank: as good for all that compares or repeats."""
        if self.exact is None:
            return self
        distinct, ranks = np.unique(self.exact, return_inverse=True)

        def decode(rank: float) -> Scalar:
            found: int = distinct.item(int(rank))
            return found

        return replace(self, values=ranks.astype(np.float64), exact=None, is_ranked=True, decode=decode)

    def from_first_data(self) -> Series:
        """Return the series without what says at its beginning that there is no data yet."""
        if not is_no_data(self.statuses[:1]).any():
            return self
        begun = ~is_no_data(self.statuses)
        first = int(np.argmax(begun)) if begun.any() else len(begun)
        columns = (self.times[first:], self.values[first:], self.statuses[first:])
        exact = self.exact[first:] if self.exact is not None else None
        return replace(self, times=columns[0], values=columns[1], statuses=columns[2], exact=exact)

    def covered(self) -> Series:
        """Return the series with another value behind the time up to which the last one holds (§3.1.9)."""
        if self.covered_to is None or not len(self.times) or self.covered_to <= self.times[-1]:
            return self
        return replace(
            self,
            times=np.append(self.times, np.int64(self.covered_to + 1)),
            values=np.append(self.values, self.values[-1]),
            statuses=np.append(self.statuses, self.statuses[-1]),
        )


def is_no_data(statuses: Statuses) -> Mask:
    """Tell which StatusCodes say that there is no data."""
    found: Mask = np.equal(statuses & _CODE, quality.BAD_NO_DATA)
    return found


def own_type(values: Values, there: Mask, decode: Decode, nothing: float | None = None) -> NDArray[Any]:
    """Return values of the signal's own type, `nothing` where there is none; doubles as they are."""
    if decode is float:
        return values
    found = np.full(len(values), nothing, object)
    for row in np.flatnonzero(there).tolist():
        found[row] = decode(values.item(row))
    return found
