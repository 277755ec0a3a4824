"""The whole plant on paper: what is transmitted, replays, checkpoints, faults."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from plant import quality
from plant.clock import TICKS_PER_SECOND
from plant.faults import FaultError
from plant.simulation import Plant, PlantConfig

SCAN = TICKS_PER_SECOND // 10


def run(plant: Plant, scans: int) -> np.ndarray:
    rows = []
    for _ in range(scans):
        plant.advance(SCAN)
        rows.append(np.stack([plant.measured[name] for name in sorted(plant.measured)]))
    return np.stack(rows)


def test_the_same_seed_is_the_same_run_whatever_the_number_of_reactors() -> None:
    few = run(Plant(PlantConfig(2, seed=5), 0), 100)
    many = run(Plant(PlantConfig(40, seed=5), 0), 100)
    assert np.array_equal(few, many[:, :, :2])
    assert not np.array_equal(few, run(Plant(PlantConfig(2, seed=6), 0), 100))


def test_a_restored_plant_goes_on_to_the_bit() -> None:
    plant = Plant(PlantConfig(3, seed=1), 0)
    plant.inject(1, "bias", {"signal": "T", "size": 3.0, "ramp_s": 20.0})
    run(plant, 75)
    kept = plant.checkpoint()
    again = Plant.restored(kept, plant.config)
    assert np.array_equal(run(plant, 80), run(again, 80))
    assert again.faults.log == plant.faults.log


def test_a_plant_of_another_size_goes_on_with_the_reactors_it_has() -> None:
    plant = Plant(PlantConfig(3, seed=1), 0)
    for reactor in range(3):
        plant.inject(reactor, "bias", {"signal": "T", "size": 3.0})
    run(plant, 20)
    fewer = Plant.restored(plant.checkpoint(), PlantConfig(2, seed=1))
    more = Plant.restored(fewer.checkpoint(), PlantConfig(4, seed=1))
    together, few, many = run(plant, 50), run(fewer, 50), run(more, 50)
    assert np.array_equal(few, together[:, :, :2])
    assert np.array_equal(many[:, :, :2], few)
    assert [fault.id for fault in more.faults.log] == ["F1", "F2"]
    assert more.inject(3, "bias", {"signal": "T", "size": 1.0}) == "F3"


def test_a_held_value_outlives_a_checkpoint_to_the_bit() -> None:
    plant = Plant(PlantConfig(2, seed=1), 0)
    run(plant, 5)
    plant.inject(1, "last-usable", {"signal": "T"})
    plant.inject(1, "sensor-failure", {"signal": "Ca"})
    before = run(plant, 30)
    again = Plant.restored(plant.checkpoint(), plant.config)
    assert {name: again.measured[name].tolist() for name in again.measured} == {
        name: plant.measured[name].tolist() for name in plant.measured
    }
    assert {name: again.status[name].tolist() for name in again.status} == {
        name: plant.status[name].tolist() for name in plant.status
    }
    together = run(again, 30)
    assert np.array_equal(together, run(plant, 30))
    row = sorted(plant.measured).index("T")
    assert len(set(np.concatenate([before, together])[:, row, 1].tolist())) == 1
    again.clear(1)
    assert np.isfinite(run(again, 1)).all()
    assert again.measured["T"][1] != plant.measured["T"][1]


def test_a_checkpoint_of_an_earlier_version_is_refused_as_such() -> None:
    """Version 1 had no transmitted values."""
    kept = dict(np.load(io.BytesIO(Plant(PlantConfig(1), 0).checkpoint())))
    facts = json.loads(str(kept["facts"])) | {"version": 1}
    del kept["transmitted"]
    buffer = io.BytesIO()
    np.savez(buffer, **(kept | {"facts": np.array(json.dumps(facts))}))
    with pytest.raises(ValueError, match="version differs"):
        Plant.restored(buffer.getvalue(), PlantConfig(1))


def test_a_checkpoint_of_another_plant_or_a_damaged_one_is_refused() -> None:
    kept = Plant(PlantConfig(1, seed=1), 0).checkpoint()
    with pytest.raises(ValueError, match="another plant"):
        Plant.restored(kept, PlantConfig(1, seed=2))
    with pytest.raises(ValueError, match="damaged"):
        Plant.restored(kept[: len(kept) // 2], PlantConfig(1, seed=1))


def test_noise_resolution_and_drift_are_those_of_the_transmitters() -> None:
    plant = Plant(PlantConfig(50, seed=2), 0)
    errors = []
    for _ in range(200):
        plant.advance(SCAN)
        errors.append(plant.measured["T"] - plant.true["T"])
    assert np.std(errors) == pytest.approx(0.2, rel=0.05)
    assert np.array_equal(plant.measured["T"], np.round(plant.measured["T"], 2))
    assert 0 < np.abs(plant.true["Tf"] - 350.0).max() < 3.0


def test_an_ideal_plant_shows_the_truth() -> None:
    plant = Plant(PlantConfig(1, ideal=True), 0)
    plant.tc_demand[:] = 310.0
    plant.advance(SCAN)
    assert plant.measured["T"].tolist() == plant.true["T"].tolist()
    assert plant.true["TcActual"].tolist() == [310.0]


def test_the_jacket_lags_and_is_limited() -> None:
    plant = Plant(PlantConfig(1, seed=1), 0)
    plant.tc_demand[:] = 350.0
    for _ in range(30):
        plant.advance(SCAN)
    assert plant.true["TcActual"][0] == pytest.approx(300 + 50 * (1 - np.exp(-1)), abs=0.01)


def test_a_bias_moves_one_transmitter_and_not_the_plant() -> None:
    plain, biased = Plant(PlantConfig(2, seed=4), 0), Plant(PlantConfig(2, seed=4), 0)
    fault = biased.inject(0, "bias", {"signal": "T", "size": 10.0, "for_s": 2.0})
    for plant in (plain, biased):
        run(plant, 10)
    assert (biased.measured["T"] - plain.measured["T"]).round(6).tolist() == [10.0, 0.0]
    assert biased.measured["TB"].tolist() == plain.measured["TB"].tolist()
    assert biased.true["T"].tolist() == plain.true["T"].tolist()
    run(biased, 15)
    (ended,) = biased.faults.log
    assert (ended.id, ended.ended, biased.faults.active) == (fault, 20 * SCAN, ())


def test_a_feed_temperature_fault_ramps_into_the_plant() -> None:
    plain, faulty = Plant(PlantConfig(1, seed=4), 0), Plant(PlantConfig(1, seed=4), 0)
    faulty.inject(0, "feed-temperature", {"size": 8.0, "ramp_s": 2.0})
    for plant in (plain, faulty):
        run(plant, 10)
    assert faulty.true["Tf"][0] - plain.true["Tf"][0] == pytest.approx(4.0)
    assert faulty.true["T"][0] > plain.true["T"][0]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("sensor-failure", quality.BAD_SENSOR_FAILURE), ("last-usable", quality.UNCERTAIN_LAST_USABLE_VALUE)],
)
def test_a_transmitter_without_a_new_value_keeps_the_last_good_one_and_says_so(kind: str, status: int) -> None:
    plain, faulty = Plant(PlantConfig(2, seed=4), 0), Plant(PlantConfig(2, seed=4), 0)
    for plant in (plain, faulty):
        run(plant, 10)
    last = faulty.measured["T"][0]
    faulty.inject(0, kind, {"signal": "T", "for_s": 2.0})
    for _ in range(19):
        run(plain, 1)
        shown = run(faulty, 1)
        assert np.isfinite(shown).all()
        assert faulty.measured["T"].tolist() == [last, plain.measured["T"][1]]
        worst = {name: codes.tolist() for name, codes in faulty.status.items() if codes.any()}
        assert worst == {name: [status, quality.GOOD] for name in ("T", "r", "Qc")}
    assert len({plant.true["T"].tobytes() for plant in (plain, faulty)}) == 1
    assert np.array_equal(run(plain, 1), run(faulty, 1))
    assert not any(codes.any() for codes in faulty.status.values())


def test_of_several_faults_the_worst_status_stands_and_the_value_is_the_last_good_one() -> None:
    plant = Plant(PlantConfig(1, seed=4), 0)
    plant.inject(0, "bias", {"signal": "Ca", "size": 0.2})
    run(plant, 1)
    last = plant.measured["Ca"][0]
    plant.inject(0, "sensor-failure", {"signal": "Ca"})
    plant.inject(0, "last-usable", {"signal": "Ca", "for_s": 2.0})
    plant.inject(0, "last-usable", {"signal": "Caf"})
    run(plant, 5)
    assert plant.status["Ca"][0] == plant.status["X"][0] == plant.status["r"][0] == quality.BAD_SENSOR_FAILURE
    assert plant.status["Caf"][0] == quality.UNCERTAIN_LAST_USABLE_VALUE
    plant.clear(0, "F2")
    run(plant, 5)
    assert plant.status["Ca"][0] == plant.status["X"][0] == quality.UNCERTAIN_LAST_USABLE_VALUE
    assert plant.measured["Ca"][0] == last
    run(plant, 20)
    assert plant.status["Ca"][0] == plant.status["r"][0] == quality.GOOD
    assert plant.status["X"][0] == quality.UNCERTAIN_LAST_USABLE_VALUE
    assert plant.measured["Ca"][0] != last


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_whatever_the_faults_add_up_to_the_plant_stays_physical(sign: float) -> None:
    plant = Plant(PlantConfig(1, seed=4), 0)
    plant.tc_demand[:] = 250.0 if sign < 0 else 350.0
    for _ in range(20):
        plant.inject(0, "feed-temperature", {"size": 100.0 * sign})
        plant.inject(0, "bias", {"signal": "T", "size": 300.0 * sign})
        plant.inject(0, "bias", {"signal": "Ca", "size": 2.0 * sign})
    shown = run(plant, 600)
    assert np.isfinite(shown).all()
    assert plant.true["Tf"][0] == (250.0 if sign < 0 else 450.0)
    assert plant.measured["T"][0] == (250.0 if sign < 0 else 550.0)
    assert 240.0 < plant.true["T"][0] < 700.0


@pytest.mark.parametrize(
    ("kind", "parameters", "named"),
    [
        ("gremlins", {}, "kind"),
        ("fouling", {}, "kind"),
        ("bias", {"signal": "T"}, "size"),
        ("bias", {"signal": "Q", "size": 1}, "signal"),
        ("bias", {"signal": "T", "size": float("nan")}, "size"),
        ("bias", {"signal": "T", "size": "big"}, "size"),
        ("bias", {"signal": "T", "size": 1, "for": 3}, "for"),
        ("bias", {"signal": "T", "size": 301}, "size"),
        ("sensor-failure", {}, "signal"),
        ("sensor-failure", {"signal": "X"}, "signal"),
        ("sensor-failure", {"signal": "T", "size": 1.0}, "size"),
        ("last-usable", {"signal": "T", "ramp_s": 1.0}, "ramp_s"),
        ("last-usable", {"signal": "T", "for_s": -1.0}, "for_s"),
        ("feed-temperature", {"size": -1000}, "size"),
        ("feed-temperature", {"signal": "T", "size": 1}, "signal"),
        ("feed-temperature", {"size": 1, "ramp_s": -1}, "ramp_s"),
    ],
)
def test_a_bad_fault_is_refused_by_parameter(kind: str, parameters: dict[str, object], named: str) -> None:
    plant = Plant(PlantConfig(1), 0)
    with pytest.raises(FaultError) as refused:
        plant.inject(0, kind, parameters)
    assert refused.value.parameter == named
    assert "allowed" in str(refused.value)
    assert plant.faults.log == ()


def test_clearing_what_is_not_there_names_what_is() -> None:
    plant = Plant(PlantConfig(2), 0)
    first = plant.inject(0, "bias", {"signal": "T", "size": 1.0})
    with pytest.raises(FaultError, match=f"active there: {first}"):
        plant.clear(0, "F9")
    with pytest.raises(FaultError, match="none"):
        plant.clear(1, first)
    assert [fault.id for fault in plant.clear(0)] == [first]


def test_every_measured_value_has_a_status() -> None:
    plant = Plant(PlantConfig(2), 0)
    assert set(plant.status) == set(plant.measured)
    assert all((status == quality.GOOD).all() for status in plant.status.values())
