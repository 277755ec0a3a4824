"""The running plant's verdicts: quiet in normal operation, quick on a bias, told once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detector.stream import cache
from detector.stream.expectation import FEATURES, Lags
from detector.stream.judge import CLEAR_AFTER_S, Judge, Verdict
from detector.stream.model import Model
from detector.stream.normal_run import SIGNALS, NormalRun, simulate
from detector.stream.windows import HOUR_TICKS, Windows
from plant.clock import TICKS_PER_SECOND

REACTORS = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return cache.load_or_train(tmp_path_factory.mktemp("model") / "baseline.joblib", lambda _: None)


@pytest.fixture(scope="module")
def normal() -> NormalRun:
    return simulate(REACTORS, 900.0, 77, lambda _: None)


def judge(model: Model, run: NormalRun, judged: np.ndarray | None = None) -> tuple[np.ndarray, list[list[Verdict]]]:
    judged = np.ones(REACTORS, bool) if judged is None else judged
    watcher = Judge(model, REACTORS)
    verdicts = [Verdict() for _ in range(REACTORS)]
    scores, history = [], []
    for number, wsp_k in enumerate(run.wsp_k):
        row = watcher.step({name: run.columns[name][number] for name in SIGNALS}, wsp_k, judged, 1.0)
        verdicts = [
            verdict.after(float(score), cause, number + 1, 1.0)
            for verdict, score, cause in zip(verdicts, row.score, row.cause, strict=True)
        ]
        scores.append(row.score)
        history.append(verdicts)
    return np.array(scores), history


def biased(run: NormalRun, name: str, size: float, start: int) -> NormalRun:
    columns = {key: values.copy() for key, values in run.columns.items()}
    columns[name][start:] += size
    return NormalRun(columns, run.wsp_k)


def test_normal_operation_raises_nothing(model: Model, normal: NormalRun) -> None:
    scores, history = judge(model, normal)
    assert not any(verdict.anomaly for row in history for verdict in row)
    assert 0.3 < scores.mean() < 0.9


@pytest.mark.parametrize(
    ("name", "size", "cause"),
    [
        ("T", 10.0, "T high"),
        ("T", -10.0, "T low"),
        ("Ca", 0.1, "Ca high"),
        ("Caf", -0.1, "Caf low"),
        ("q", 15.0, "q high"),
    ],
)
def test_a_bias_is_flagged_within_seconds_by_name(
    model: Model, normal: NormalRun, name: str, size: float, cause: str
) -> None:
    _, history = judge(model, biased(normal, name, size, 600))
    for reactor in range(REACTORS):
        assert not history[599][reactor].anomaly
        after = history[615][reactor]
        assert (after.anomaly, after.cause) == (True, cause)
        assert 600 < after.since <= 612


def test_a_loop_outside_auto_is_not_judged(model: Model, normal: NormalRun) -> None:
    judged = np.arange(REACTORS) != 3
    scores, history = judge(model, biased(normal, "T", 30.0, 600), judged)
    assert not scores[:, 3].any()
    assert not history[-1][3].anomaly
    assert history[-1][4].anomaly


def test_a_signal_without_a_value_is_no_anomaly_nor_is_its_return(model: Model, normal: NormalRun) -> None:
    """T, and r with it, of one reactor; Ca, and X and r with it, of another: NaN, as the watcher has Bad values."""
    failed = {3: ("T", "r"), 4: ("Ca", "X", "r")}
    watcher = Judge(model, REACTORS)
    verdicts, scores = [Verdict() for _ in range(REACTORS)], []
    for number, wsp_k in enumerate(normal.wsp_k):
        columns = {name: normal.columns[name][number].copy() for name in SIGNALS}
        judged = np.ones(REACTORS, bool)
        for reactor, names in failed.items() if 600 <= number < 620 else ():
            judged[reactor] = False
            for name in names:
                columns[name][reactor] = np.nan
        row = watcher.step(columns, wsp_k, judged, 1.0)
        assert np.isfinite(row.deviation).all()
        verdicts = [
            verdict.after(float(score), cause, number + 1, 1.0)
            for verdict, score, cause in zip(verdicts, row.score, row.cause, strict=True)
        ]
        assert not any(verdict.anomaly for verdict in verdicts)
        scores.append(row.score)
    absent = np.array(scores)[600:620]
    assert not absent[:, list(failed)].any()
    assert (np.delete(absent, list(failed), axis=1) > 0).all()
    assert (np.array(scores)[620:, list(failed)] > 0).all()


def test_a_late_row_weighs_no_more_than_one_of_the_calibration(model: Model, normal: NormalRun) -> None:
    watcher = Judge(model, REACTORS)
    columns = {name: normal.columns[name][0] for name in SIGNALS}
    first = watcher.step(columns, normal.wsp_k[0], np.ones(REACTORS, bool), 3600.0)
    assert np.abs(first.deviation).max() < 1.0
    assert first.deviation.shape == (REACTORS, len(FEATURES))


def test_a_loop_that_comes_to_auto_is_judged_from_where_it_stands(model: Model, normal: NormalRun) -> None:
    """Whether it is seen in MAN before (R101), or is in AUTO already when the detector first looks (R102)."""
    watcher = Judge(model, REACTORS)
    for number in range(30):
        judged = np.full(REACTORS, number >= 3)
        judged[1::2] = True
        wsp_k = normal.wsp_k[number] if number else np.where(judged, normal.wsp_k[0], np.nan)
        row = watcher.step({name: normal.columns[name][number] for name in SIGNALS}, wsp_k, judged, 1.0)
        assert (row.score < 1.0).all()


def test_an_episode_ends_when_the_score_has_stayed_low() -> None:
    verdict = Verdict().after(0.5, "", 1, 1.0)
    assert (verdict.anomaly, verdict.since) == (False, 1)
    verdict = verdict.after(2.0, "T high", 10, 1.0).after(5.0, "Ca low", 11, 1.0)
    assert (verdict.anomaly, verdict.cause, verdict.since, verdict.peak) == (True, "T high", 10, 5.0)
    for second in range(int(CLEAR_AFTER_S) - 1):
        verdict = verdict.after(0.1, "", 12 + second, 1.0)
    assert verdict.anomaly
    assert not verdict.after(0.1, "", 30, 1.0).anomaly
    assert verdict.after(0.9, "", 30, 1.0).after(0.1, "", 31, 1.0).anomaly


def test_lags_begin_with_what_is_known_first_and_stand_still_while_it_is_not() -> None:
    lags = Lags(np.array([np.nan, 300.0]))
    assert lags.advance(np.array([310.0, 310.0]), 1.0)[:, 0].tolist() == [0.0, 0.0]
    behind = lags.advance(np.array([310.0, 310.0]), 1.0)[:, 1]
    assert np.isnan(lags.advance(np.array([310.0, np.nan]), 100.0)[:, 1]).all()
    assert lags.advance(np.array([310.0, 310.0]), 0.0)[:, 1] == pytest.approx(behind)


def test_lags_are_exact_for_any_interval() -> None:
    one, many = Lags(np.array([300.0])), Lags(np.array([300.0]))
    together = one.advance(np.array([310.0]), 30.0)
    for _ in range(300):
        apart = many.advance(np.array([310.0]), 0.1)
    assert together == pytest.approx(apart)


def test_a_kept_model_is_loaded_and_a_damaged_one_made_again(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import joblib

    path = tmp_path / "baseline.joblib"
    joblib.dump({"key": cache.fingerprint(), "model": model}, path)
    monkeypatch.setattr(cache, "train", lambda _: pytest.fail("it is there already"))
    assert cache.load_or_train(path, lambda _: None).limits.tolist() == model.limits.tolist()
    monkeypatch.setattr(cache, "train", lambda _: model)
    path.write_bytes(path.read_bytes()[:100])
    cache.load_or_train(path, lambda _: None)
    assert joblib.load(path)["key"] == cache.fingerprint()
    (tmp_path / "file").write_text("")
    assert cache.load_or_train(tmp_path / "file" / "baseline.joblib", lambda _: None) is model


def test_windows_are_hours_and_survive_a_restart(model: Model, tmp_path: Path) -> None:
    windows = Windows(["R101", "R102"])
    start = 400_000 * HOUR_TICKS
    yes, no = np.array([True, True]), np.array([False, False])
    for second in range(100):
        columns = {
            "T": np.array([350.0 + second % 3, 340.0]),
            "Caf": np.array([1.0, 1.0]),
            "q": np.array([100.0, 99.0]),
        }
        anomaly = np.array([second >= 90, False])
        assert windows.add(start + second * TICKS_PER_SECOND, columns, yes, anomaly) == {}
    windows.save(tmp_path / "windows.npz")
    again = Windows(["R101", "R102"])
    again.load(tmp_path / "windows.npz")
    summary = again.present()["R101"].summary("R101", model)
    assert (summary.n, summary.anomalies, summary.max_t, summary.min_q) == (90, 10, 352.0, 100.0)
    assert (summary.window_end - summary.window_start).total_seconds() == 3600
    ended = again.add(start + HOUR_TICKS, columns, yes, no)
    assert ended["R102"].summary("R102", model).n == 100


def test_damaged_windows_are_as_none_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "windows.npz"
    windows = Windows(["R101", "R102"])
    columns = {name: np.array([350.0, 340.0]) for name in ("T", "Caf", "q")}
    windows.add(400_000 * HOUR_TICKS, columns, np.ones(2, bool), np.zeros(2, bool))
    windows.save(path)
    whole = path.read_bytes()
    flipped = [bytes([*whole[:place], whole[place] ^ 255, *whole[place + 1 :]]) for place in range(len(whole))]
    cut = [whole[:length] for length in range(0, len(whole), 7)]
    damaged = 0
    for content in (b"no npz", *cut, *flipped):
        path.write_bytes(content)
        caplog.clear()
        again = Windows(["R101", "R102"])
        again.load(path)
        if "is damaged" in caplog.text:
            damaged += 1
            assert again.present() == {}
    assert damaged > len(whole) / 2
    caplog.clear()
    Windows(["R101"]).load(tmp_path / "never.npz")
    assert not caplog.text
