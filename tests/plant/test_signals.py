"""Signals, names and status codes: the contract's tables, and asyncua's numbers as the oracle."""

import pytest
from asyncua import ua

from plant import quality
from plant.names import browse_path, display_name, node_id_text, reactor_names, split_signal, topic
from plant.signals import PLANT_SIGNALS, DataType, Writer, find_signal, reactor_signals


def test_every_status_code_is_asyncuas() -> None:
    for number, name in quality.NAMES.items():
        assert getattr(ua.StatusCodes, name) == number, name


def test_severity() -> None:
    assert quality.is_good(quality.GOOD_NO_DATA)
    assert quality.is_uncertain(quality.UNCERTAIN_LAST_USABLE_VALUE)
    assert quality.is_bad(quality.BAD_SENSOR_FAILURE)
    assert not quality.is_bad(quality.UNCERTAIN)


def test_info_bits_do_not_change_a_name() -> None:
    assert quality.name_of(quality.BAD_SENSOR_FAILURE | 0x480) == "BadSensorFailure"
    assert quality.name_of(0x80FF0000) == "0x80FF0000"


def test_names_of_a_reactor() -> None:
    assert reactor_names(3) == ("R101", "R102", "R103")
    names = [signal.name for signal in reactor_signals("R102")]
    assert "TIC102.SP" in names
    assert not any("101" in name for name in names)
    assert len(set(names)) == len(names)
    assert len({display_name(name) for name in names}) == len(names)


def test_paths() -> None:
    assert node_id_text("R101.T") == "ns=2;s=R101.T"
    assert browse_path("R101.TIC101.SP") == "/Objects/2:Plant/2:Area1/2:R101/2:TIC101/2:SP"
    assert browse_path("Plant.Simulation.Step") == "/Objects/2:Plant/2:Simulation/2:Step"
    assert topic("R101", "lp") == "plant/main/Area1/R101/lp"
    assert split_signal("R101.TIC101.SP") == ("R101", "TIC101.SP")
    with pytest.raises(ValueError, match=r"'T'.*R101\.T"):
        split_signal("T")


@pytest.mark.parametrize(
    ("name", "unit", "eu_range", "limits", "writer"),
    [
        ("T", "KEL", (250, 550), None, Writer.NOBODY),
        ("Ca", "C38", (0, 2), None, Writer.NOBODY),
        ("Tc", "KEL", (250, 350), (250, 350), Writer.DEMAND),
        ("q", "L2", (0, 250), None, Writer.NOBODY),
        ("Qc", "KWT", (-100, 250), None, Writer.NOBODY),
        ("r", "", (0, 100), None, Writer.NOBODY),
        ("TIC101.SP", "KEL", None, (300, 390), Writer.SETPOINT),
        ("TIC101.SPRate", "F11", None, (0.1, 20), Writer.ENGINEER),
        ("TIC101.TI", "SEC", None, (1, 3600), Writer.ENGINEER),
        ("Simulation.True.q", "L2", None, None, Writer.NOBODY),
    ],
)
def test_the_contracts_table(name: str, unit: str, eu_range: object, limits: object, writer: Writer) -> None:
    signal = next(signal for signal in reactor_signals("R101") if signal.name == name)
    assert signal.unit is not None
    assert (signal.unit.code, signal.eu_range, signal.limits, signal.writer) == (
        unit,
        eu_range,
        limits,
        writer,
    )


def test_all_but_heartbeat_and_time_are_recorded() -> None:
    unrecorded = [signal.name for signal in (*reactor_signals("R101"), *PLANT_SIGNALS) if not signal.recorded]
    assert unrecorded == ["TIC101.Heartbeat", "Simulation.Time"]


def test_enumerations_are_int32() -> None:
    for signal in (*reactor_signals("R101"), *PLANT_SIGNALS):
        assert bool(signal.enumeration) == (signal.data_type is DataType.INT32)


def test_what_is_set_is_stepped_and_what_is_measured_is_sloped() -> None:
    doubles = [signal for signal in (*reactor_signals("R101"), *PLANT_SIGNALS) if signal.data_type is DataType.DOUBLE]
    assert {signal.name for signal in doubles if signal.stepped} == {
        "Tc", "Detector.Score", "Simulation.Speed",
        *(f"TIC101.{leaf}" for leaf in ("SP", "WSP", "OUT", "Kc", "TI", "TD", "SPRate")),
    }  # fmt: skip
    assert all(signal.stepped for signal in PLANT_SIGNALS)


def test_a_signal_is_found_by_its_full_name() -> None:
    found = find_signal("R102.TIC102.SP")
    assert found is not None
    assert found in reactor_signals("R102")
    assert find_signal("Plant.Simulation.Speed") in PLANT_SIGNALS
    for unknown in ("R102.TIC101.SP", "Tank.Level", "R101", "", "Plant.", "R.T"):
        assert find_signal(unknown) is None
