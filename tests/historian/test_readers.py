"""What a question cannot be answered for is said in HTTP's terms."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import HTTPException

from historian.readers import Readers
from timeseries.store import Store
from timeseries.unpacked import Unpacked


def test_a_store_that_cannot_be_opened_is_503_until_it_can(tmp_path: Path) -> None:
    readers = Readers(tmp_path / "history", Unpacked())
    for _ in range(2):
        with pytest.raises(HTTPException, match=r"503: the store cannot be read: .*log\.sqlite"), readers.lend():
            pass
    Store(tmp_path / "history").close()
    with readers.lend() as first, readers.lend() as second:
        assert first is not second
    with readers.lend() as again:
        assert again in (first, second)
