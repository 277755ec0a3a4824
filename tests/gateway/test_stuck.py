"""A server that refuses though its disk takes is told from one whose disk is full, and from one that recovers."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.components.component import ChildSpec
from gateway.up.stuck import Stuck

REFUSAL = "failed to store"


class Server:
    """Its log, and a disk that can be full."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._log = folder / "server.log"
        self._log.write_text(f"of the run before: {REFUSAL}\n")
        self.is_full = False
        self.counted: int | None = 0
        spec = ChildSpec("server", (), folder, refusal=REFUSAL, refusals=lambda: self.counted)
        self.stuck = Stuck(spec, self._log)
        monkeypatch.setattr(self.stuck, "_disk_takes", lambda: not self.is_full)

    def looks(self, first: int, last: int, *, refuses: bool) -> list[int]:
        """Look every second, and return when it was found stuck."""
        found = []
        for second in range(first, last):
            if refuses:
                with self._log.open("a") as file:
                    file.write(f"12:00 ERR {REFUSAL} a message: no space left on device\n")
            if self.stuck.is_so(float(second)):
                found.append(second)
        return found


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(tmp_path, monkeypatch)


def test_one_that_refuses_on_though_the_disk_takes_is_stuck(server: Server) -> None:
    server.is_full = True
    assert server.looks(0, 100, refuses=True) == []
    server.is_full = False
    assert server.looks(100, 108, refuses=True) == [106, 107]


def test_one_that_only_counts_what_it_refuses_is_stuck_while_it_counts_on(server: Server) -> None:
    assert server.looks(0, 10, refuses=False) == []
    server.counted = 5
    assert server.looks(10, 60, refuses=False) == []
    found = []
    for second in range(60, 70):
        server.counted += 1
        found += server.looks(second, second + 1, refuses=False)
    assert found == [66, 67, 68, 69]


def test_one_that_does_not_answer_now_and_then_has_refused_nothing_new(server: Server) -> None:
    server.counted = 108
    assert server.looks(0, 60, refuses=False) == []
    found = []
    for second in range(60, 120):
        server.counted = 108 if second % 3 else None
        found += server.looks(second, second + 1, refuses=False)
    assert found == []


def test_one_that_recovers_is_not(server: Server) -> None:
    server.is_full = True
    assert server.looks(0, 20, refuses=True) == []
    server.is_full = False
    assert server.looks(20, 24, refuses=True) == []
    assert server.looks(24, 200, refuses=False) == []
    assert server.looks(200, 203, refuses=True) == []


def test_the_disk_is_tried_by_a_file_of_which_nothing_stays(tmp_path: Path) -> None:
    log = tmp_path / "log" / "server.log"
    stuck = Stuck(ChildSpec("server", (), tmp_path / "data", refusal=REFUSAL), log)
    assert not stuck.is_so(0.0)
    log.parent.mkdir()
    log.write_text(REFUSAL)
    assert not stuck.is_so(1.0)  # no folder: nothing can be written
    (tmp_path / "data").mkdir()
    log.write_text(REFUSAL)
    assert [stuck.is_so(float(second)) for second in (2, 3, 9)] == [False, False, False]
    with log.open("a") as file:
        file.write(REFUSAL)
    assert stuck.is_so(10.0)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_new_log_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("a long log of before, " * 100)
    stuck = Stuck(ChildSpec("server", (), tmp_path, refusal=REFUSAL), log)
    log.write_text("new\n")
    assert not stuck.is_so(0.0)
    with log.open("a") as file:
        file.write(REFUSAL)
    assert not stuck.is_so(1.0)
    with log.open("a") as file:
        file.write(REFUSAL)
    assert stuck.is_so(7.0)
