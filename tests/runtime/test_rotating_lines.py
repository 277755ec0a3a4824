"""Lines in files of bounded size."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.rotating_lines import RotatingLines, files_of

LINE = b"0123456789abcdef\n"


def content(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in files_of(path)]


def test_a_full_file_gives_way_and_the_oldest_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit.jsonl"
    lines = RotatingLines(path, 2 * len(LINE), 3)
    for number in range(8):
        lines.write(b"%02d" % number + LINE[2:])
    assert [[line[:2] for line in text.splitlines()] for text in content(path)] == [
        [b"02", b"03"],
        [b"04", b"05"],
        [b"06", b"07"],
    ]
    assert [file.name for file in files_of(path)] == ["audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"]
    lines.close()


def test_one_file_alone_begins_anew(tmp_path: Path) -> None:
    lines = RotatingLines(tmp_path / "a", 2 * len(LINE), 1)
    for _ in range(3):
        lines.write(LINE)
    assert content(tmp_path / "a") == [LINE]
    lines.close()


def test_what_was_there_is_gone_on_with(tmp_path: Path) -> None:
    for _ in range(2):
        lines = RotatingLines(tmp_path / "a", 1_000, 2)
        lines.write(LINE)
        lines.close()
    assert content(tmp_path / "a") == [2 * LINE]


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "audit.jsonl"
    lines = RotatingLines(path, len(LINE), 2)
    lines.write(LINE)
    lines.write(LINE)
    assert [file.stat().st_mode & 0o777 for file in files_of(path)] == [0o600, 0o600]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    lines.close()


def test_a_disk_that_is_full_says_so_and_takes_lines_again_later(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.symlink_to("/dev/full")
    lines = RotatingLines(path, 1_000, 2)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            lines.write(LINE)
    path.unlink()
    lines.write(LINE)
    assert content(path) == [LINE]
    lines.close()
