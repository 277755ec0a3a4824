"""The original pipeline: its data, its baseline's figures, its summary, its files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detector.batch import job, rows
from detector.batch.baseline import Baseline
from detector.batch.evaluation import evaluate
from detector.batch.generator import CAUSES, NORMAL_CA0_SD_MOL_PER_L, NORMAL_T_SD_K, generate
from runtime.errors import BadInput


def test_anomalies_are_of_six_types_in_equal_share() -> None:
    batch = generate(1000, 0.3, np.random.default_rng(3))
    assert int(batch.label.sum()) == 300
    assert {cause: batch.label_cause.count(cause) for cause in CAUSES} == dict.fromkeys(CAUSES, 50)
    hot = np.array([cause == "T high" for cause in batch.label_cause])
    assert batch.columns["T"][hot].mean() == pytest.approx(400, abs=5)
    assert batch.columns["Ca0"][hot].mean() == pytest.approx(1.0, abs=0.02)
    starved = np.array([cause == "Q low" for cause in batch.label_cause])
    assert 0.1 < batch.columns["Q"][starved].min() < batch.columns["Q"][starved].max() < 0.6


def test_normal_rows_have_the_known_spread() -> None:
    batch = generate(20_000, 0.0, np.random.default_rng(1))
    assert batch.columns["T"].std() == pytest.approx(NORMAL_T_SD_K, rel=0.03)
    assert batch.columns["Ca0"].std() == pytest.approx(NORMAL_CA0_SD_MOL_PER_L, rel=0.03)
    assert batch.columns["r"].mean() < 0
    assert batch.label.sum() == 0


def test_a_seed_repeats_its_batch() -> None:
    one, two = (generate(50, 0.3, np.random.default_rng(9)) for _ in range(2))
    assert one.columns["T"].tolist() == two.columns["T"].tolist()
    assert one.label_cause == two.label_cause


def test_the_baselines_figures_are_the_originals() -> None:
    figures = list(evaluate("baseline", 1000, 0.3, 20))
    assert np.mean([each.f1 for each in figures]) == pytest.approx(0.832, abs=0.015)
    assert np.mean([each.false_positive_rate for each in figures]) == pytest.approx(0.173, abs=0.02)
    assert np.mean([each.t_recall for each in figures]) > 0.99
    assert np.mean([each.other_recall for each in figures]) > 0.999


def test_the_summary_is_of_the_rows_taken_for_normal() -> None:
    start = datetime(2026, 11, 24, 10, tzinfo=UTC)
    result = job.run(1000, 0.3, 7, (start, start + timedelta(hours=1)))
    summary, normal = result.summary, ~result.flags.anomaly
    t = result.batch.columns["T"][normal]
    assert summary.n == int(normal.sum()) == 1000 - summary.anomalies
    assert (summary.mean_t, summary.min_t, summary.max_t) == (t.mean(), t.min(), t.max())
    assert summary.sd_t == t.std(ddof=1)
    assert 0 <= (summary.ks_p_t or 0) <= 1
    assert 0.9 <= (summary.min_q or 0) < (summary.max_q or 0) <= 1.6


def test_an_hour_has_one_seed() -> None:
    start, end = job.hour_of(datetime(2026, 11, 24, 10, 59, 59, tzinfo=UTC))
    assert (start.hour, end.hour) == (10, 11)
    assert job.seed_of(end) == job.seed_of(start) + 1


def test_files_keep_other_columns_and_floats(tmp_path: Path) -> None:
    batch = generate(20, 0.3, np.random.default_rng(4))
    rows.write_batch(tmp_path / "in.csv", batch)
    table = rows.read(tmp_path / "in.csv")
    assert table.columns["T"].tolist() == batch.columns["T"].tolist()
    flags = Baseline().flag(table.columns)
    rows.write_flagged(tmp_path / "out.csv", table, flags)
    again = rows.read(tmp_path / "out.csv")
    assert again.header == ["T", "Ca0", "Q", "X", "Ca", "r", "label", "label_cause", "anomaly", "score", "cause"]
    assert [float(row[9]) for row in again.rows] == flags.score.tolist()
    assert {row[8] for row in again.rows} <= {"0", "1"}
    assert all((row[8] == "1") == (row[10] != "") for row in again.rows)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no column T"),
        ("T,Ca0,Q,X,Ca\n", "no column r"),
        ("T,Ca0,Q,X,Ca,r\n", "no rows"),
        ("T,Ca0,Q,X,Ca,r\n1,2,3,4,5\n", "line 2: 5 fields"),
        ("T,Ca0,Q,X,Ca,r\n1,2,3,4,5,6\n1,2,hot,4,5,6\n", "line 3: Q: 'hot'"),
        ("T,Ca0,Q,X,Ca,r\n1,2,nan,4,5,6\n", "line 2: Q: 'nan'"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_column(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(BadInput, match=named):
        rows.read(path)


def test_garbage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="cannot be read as CSV"):
        rows.read(path)
    with pytest.raises(BadInput, match="cannot be read"):
        rows.read(tmp_path / "absent.csv")
