"""What is kept of one stream of samples: values of their signal's type, once measured, not too dense; pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from historian.epochs import EPOCH
from historian.messages.line_protocol import EARLIEST, LATEST
from historian.thinning import Thinning
from plant import quality
from runtime.opcua_link.builtin import (
    BOOLEAN,
    DATETIME,
    DOUBLE,
    FLOAT,
    FORMATS,
    IS_FLOAT,
    IS_INTEGER,
    IS_TEXT,
    LOCALIZED_TEXT,
    STRING,
    UINT64,
    WIDEST,
)
from runtime.opcua_link.values import Notification, Reading, VariableInfo

_FITS = np.zeros((256, 256), np.bool_)
"""Data type of a signal, built-in type of a value -> whether the one may be the other."""
_FITS[BOOLEAN, BOOLEAN] = True
_LEAST, _MOST = np.full(256, -(2**63)), np.full(256, 2**63 - 1)
"""Data type of a signal -> what its words are within."""
for _whole in (*np.flatnonzero(IS_INTEGER).tolist(), UINT64):
    _FITS[_whole] = IS_INTEGER
    _FITS[_whole, UINT64] = True
    _LEAST[_whole], _MOST[_whole] = np.iinfo(FORMATS[_whole]).min, min(np.iinfo(FORMATS[_whole]).max, 2**63 - 1)
for _floating in (FLOAT, DOUBLE):
    _FITS[_floating] = IS_FLOAT
for _text in (STRING, LOCALIZED_TEXT):
    _FITS[_text] = IS_TEXT
    _FITS[_text, DATETIME] = False
_FITS[DATETIME, DATETIME] = True


class Taken(NamedTuple):
    """What is kept of some samples."""

    data: Notification
    rejected: dict[str, int]
    """How many are not kept, for which reason."""
    wrong_signals: list[int]
    """Places of the signals of those that are not for their type, their value or their time."""


class Intake:
    """Of samples whose `index` is into these signals."""

    def __init__(self, infos: Sequence[VariableInfo], interval: int, ahead: int = LATEST) -> None:
        """`interval` and `ahead` in ticks: what is more `ahead` of the server's own clock is refused."""
        self._ahead = ahead
        self._data_types = np.array([info.data_type for info in infos], np.uint8)
        self._thinning = Thinning(interval, len(infos))
        self._epoch = next((place for place, info in enumerate(infos) if info.name == EPOCH), -1)

    def first_types(self, data: Notification) -> dict[int, int]:
        """Return the widest types of the first values' kinds of signals whose type is not known yet, by place."""
        if self._data_types.all():
            return {}
        rows = (self._data_types[data.index] == 0) & (data.types != 0) & (data.status < quality.BAD)
        places, firsts = np.unique(data.index[rows], return_index=True)
        return dict(zip(places.tolist(), WIDEST[data.types[rows][firsts]].tolist(), strict=True))

    def learn(self, place: int, data_type: int) -> None:
        """Take what type a signal is of."""
        self._data_types[place] = data_type

    def jumps(self, data: Notification) -> list[Reading]:
        """Return the samples that tell of jumps of plant time."""
        rows = data.index == self._epoch
        return data.take(rows).readings() if rows.any() else []

    def taken(self, data: Notification) -> Taken:
        """Return what is kept, and what is not."""
        measured = data.source_time != 0
        in_time = measured & (data.source_time >= EARLIEST) & (data.source_time <= LATEST)
        in_time &= (data.server_time == 0) | (data.source_time - data.server_time <= self._ahead)
        typed = in_time & self._is_sample(data)
        kept = typed.copy()
        kept[typed] = self._thinning.keeps(data.index[typed], data.source_time[typed])
        stages = (len(data), *(int(np.count_nonzero(rows)) for rows in (measured, in_time, typed, kept)))
        rejected = [before - after for before, after in itertools.pairwise(stages)]
        reasons = dict(zip(("never_measured", "time", "type", "thinned"), rejected, strict=True))
        return Taken(data.take(kept), reasons, np.unique(data.index[measured & ~typed]).tolist())

    def _is_sample(self, data: Notification) -> NDArray[np.bool_]:
        """Tell which values are what their type says, finite, and text that can be written; a Bad one needs none."""
        data_types = self._data_types[data.index]
        fits = _FITS[data_types, data.types]
        fits &= (data.words >= _LEAST[data_types]) & (data.words <= _MOST[data_types])
        fits &= ~IS_FLOAT[data.types] | np.isfinite(data.words.view(np.float64))
        fits &= (data.types != UINT64) | (data.words >= 0)
        for row, text in data.texts.items():
            fits[row] &= text.isascii() or _can_be_written(text)
        fits |= data.status >= quality.BAD
        return fits


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
