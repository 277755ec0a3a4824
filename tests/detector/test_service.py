"""The detector's service: what it does when something around it fails."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from detector.__main__ import WINDOWS_FILE, Detector
from detector.stream.windows import Windows
from runtime.health import Health
from runtime.service import Context
from runtime.settings import Settings


def test_windows_that_cannot_be_kept_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    detector = Detector(Context("detector", Settings(), tmp_path, Health("detector"), logging.getLogger("detector")))
    detector._windows = Windows(["R101"])
    caplog.clear()
    detector._keep_windows()
    detector._keep_windows()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    (tmp_path / "detector").mkdir()
    detector._keep_windows()
    assert (tmp_path / "detector" / WINDOWS_FILE).exists()
