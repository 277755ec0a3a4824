"""The detector's service: what it does when something around it fails."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import detector.__main__
from detector.__main__ import WINDOWS_FILE, Detector, serve
from detector.stream.windows import Windows
from runtime.health import Health
from runtime.service import Context
from runtime.settings import Settings


async def test_the_training_is_left_when_the_service_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, left = threading.Event(), threading.Event()

    def train(path: Path, progress: Callable[[float], None]) -> None:
        try:
            for number in range(1000):
                progress(number / 1000)
                began.set()
                time.sleep(0.01)
        finally:
            left.set()

    monkeypatch.setattr(detector.__main__, "load_or_train", train)
    context = Context("detector", Settings(), tmp_path, Health("detector"), logging.getLogger("detector"))
    running = asyncio.create_task(serve(context))
    assert await asyncio.to_thread(began.wait, 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(left.wait, 2)


def test_windows_that_cannot_be_kept_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    service = Detector(Context("detector", Settings(), tmp_path, Health("detector"), logging.getLogger("detector")))
    service._windows = Windows(["R101"])
    caplog.clear()
    service._keep_windows()
    service._keep_windows()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    (tmp_path / "detector").mkdir()
    service._keep_windows()
    assert (tmp_path / "detector" / WINDOWS_FILE).exists()
