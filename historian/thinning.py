"""At most one sample a signal in a time: pure."""

from __future__ import annotations


class Thinning:
    """What one stream of samples has kept last; live samples and those read back are two streams."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        """Ticks; 0 keeps all."""
        self._kept: dict[str, int] = {}

    def keeps(self, name: str, time: int) -> bool:
        """Tell whether a sample is kept, and remember it; one before the last kept is behind a jump of plant time."""
        since = time - self._kept.get(name, time - self._interval)
        if 0 <= since < self._interval:
            return False
        self._kept[name] = time
        return True
