"""Methods of detection by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from detector.batch.baseline import TRAINING_SEED, Baseline, Flags, Floats, Seed
from runtime.errors import BadInput


class Method(Protocol):
    """Flags rows of T, Ca0, Q, X, r, Ca."""

    def flag(self, columns: Mapping[str, Floats]) -> Flags:
        """Return the verdict on each row."""
        ...


METHODS: dict[str, Callable[[Seed], Method]] = {"baseline": Baseline}
DEFAULT_METHOD = "baseline"


def make_method(name: str, training_seed: Seed = TRAINING_SEED) -> Method:
    """Return a method trained on normal rows of this seed.

    Raises:
        BadInput: naming those there are.
    """
    if name not in METHODS:
        message = f"method {name!r}: allowed are {', '.join(METHODS)}"
        raise BadInput(message)
    return METHODS[name](training_seed)
