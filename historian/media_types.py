"""Media types of the HTTP API: which one an answer has, and what writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from timeseries.answers import FORMATS, Extra, Writer

JSON, CSV = "application/json", "text/csv"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
_WRITTEN = {CSV: "csv", ARROW: "arrow stream", PARQUET: "parquet"}
MEDIA_TYPES = (JSON, *_WRITTEN)
_QUALITY = re.compile(r"^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$")


def chosen_media_type(accept: str) -> str | None:
    """Return the media type an Accept header likes best of those offered (RFC 9110 §12.5.1); None when it likes none.

    The more specific range counts; of equals the one that is named first, then JSON.
    """
    ranges: dict[str, tuple[float, int]] = {}
    for place, part in enumerate((accept.strip() or "*/*").split(",")):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        ranges.setdefault(name, (_weight(parameters), -place))

    def liking(offered: str) -> tuple[float, int]:
        family = offered.split("/")[0]
        return next((ranges[name] for name in (offered, f"{family}/*", "*/*") if name in ranges), (0.0, 0))

    best = max(MEDIA_TYPES, key=liking)
    return best if liking(best)[0] > 0.0 else None


def writer_of(media_type: str, extra: Extra) -> Writer:
    """Return what writes an answer that is not JSON."""
    return FORMATS[_WRITTEN[media_type]](extra)


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if match := _QUALITY.match(parameter):
            return float(match[1])
    return 1.0
