"""Built-in types of scalar values: their numbers and widths (OPC 10000-6 v1.05 §5.1.2 and §5.2.2)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BOOLEAN: Final = 1
INT32: Final = 6
UINT32: Final = 7
SINT64: Final = 8
UINT64: Final = 9
FLOAT: Final = 10
DOUBLE: Final = 11
STRING: Final = 12
DATETIME: Final = 13
LOCALIZED_TEXT: Final = 21

FORMATS: Final[dict[int, str]] = {
    BOOLEAN: "u1", 2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", SINT64: "<i8", UINT64: "<u8",
    FLOAT: "<f4", DOUBLE: "<f8", DATETIME: "<i8",
}  # fmt: skip
"""Built-in type -> numpy's, for what fits in a word of 64 bits."""


def _among(*kinds: int) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(kinds)] = True
    return table


IS_FLOAT: Final = _among(FLOAT, DOUBLE)
IS_INTEGER: Final = _among(2, 3, 4, 5, 6, 7, SINT64)
"""UInt64 is apart: it does not fit in an int64."""

WIDEST: Final = np.arange(256, dtype=np.uint8)
"""Built-in type of a value -> that of a signal whose DataType leaves it open: others of its kind may follow."""
WIDEST[[*np.flatnonzero(IS_INTEGER), UINT64]], WIDEST[FLOAT] = SINT64, DOUBLE
IS_NUMBER: Final = _among(BOOLEAN, 2, 3, 4, 5, 6, 7, SINT64, UINT64, FLOAT, DOUBLE)
IS_TEXT: Final = _among(STRING, DATETIME, LOCALIZED_TEXT)
"""What is text in plain Python."""
