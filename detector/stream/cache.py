"""The model in DATA: trained at first start, and again when what it was trained on has changed."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn

from detector.stream import model
from detector.stream.model import Model, train
from plant.disturbances import DRIFTS
from plant.pid import Tuning
from plant.reactor import DEFAULT
from plant.sensors import SENSORS

log = logging.getLogger("detector")

VERSION = 2
"""Of the way a model is trained."""
LOG_EVERY_S = 3.0


def load_or_train(path: Path, progress: Callable[[float], None]) -> Model:
    """Return the model kept at `path`, or train one and keep it; `progress` is told the share that is done."""
    key = fingerprint()
    if path.exists():
        try:
            kept: dict[str, Any] = joblib.load(path)
            if kept["key"] == key:
                return kept["model"]  # type: ignore[no-any-return]
            log.info("the plant or a library has changed since the detector was trained")
        except Exception as error:  # noqa: BLE001 - a damaged pickle may raise anything, and is made anew
            log.warning("%s is damaged (%s: %s); training again", path, type(error).__name__, error)
    began = time.monotonic()
    trained = train(_told(progress))
    log.info("trained on the plant's own normal run in %.1f s", time.monotonic() - began)
    try:
        _keep(path, {"key": key, "model": trained})
    except OSError as error:
        log.warning("%s: %s; the next start trains again", path, error.strerror)
    return trained


def _keep(path: Path, entry: dict[str, Any]) -> None:
    """Write it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        joblib.dump(entry, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def fingerprint() -> str:
    """Return what a model depends on, as a digest."""
    run = (model.REACTORS, model.RUN_S, model.FITTING_SEED, model.CALIBRATION_SEED)
    facts = (VERSION, DEFAULT, SENSORS, DRIFTS, Tuning(), run, sklearn.__version__, np.__version__)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _told(progress: Callable[[float], None]) -> Callable[[float], None]:
    last = time.monotonic()

    def tell(share: float) -> None:
        nonlocal last
        progress(share)
        if time.monotonic() - last > LOG_EVERY_S:
            last = time.monotonic()
            log.info("training on the plant's own normal run, once: %.0f %%", 100 * share)

    return tell
