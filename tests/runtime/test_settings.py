"""Settings: defaults in the file, precedence, and errors that name file, key, value and what is allowed."""

from pathlib import Path

import pytest

from runtime.errors import BadInput
from runtime.settings import Settings, dump_settings, load_settings

CONFIG = Path(__file__).parents[2] / "config" / "gateway.yaml"


def test_the_commented_file_shows_every_key_with_its_default() -> None:
    import yaml

    assert yaml.safe_load(CONFIG.read_text()) == yaml.safe_load(dump_settings(Settings()))


def test_file_then_environment_then_option(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("plant: {reactors: 2, seed: 5, speed: 3}\n")
    settings = load_settings(
        file, {"plant.seed": 7}, {"CSTR_GATEWAY__PLANT__SEED": "6", "CSTR_GATEWAY__PLANT__SPEED": "4"}
    )
    assert (settings.plant.reactors, settings.plant.seed, settings.plant.speed) == (2, 7, 4.0)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plant: {reactor: 2}", ["plant.reactor", "reactors", "unknown"]),
        ("plants: {reactors: 2}", ["plants", "unknown", "plant, server"]),
        ("plant: {reactors: 0}", ["plant.reactors", "0", "greater than or equal to 1"]),
        ("plant: {reactors: three}", ["plant.reactors", "three", "integer"]),
        ("plant: {speed: .nan}", ["plant.speed", "nan"]),
        ("server: {port: 70000}", ["server.port", "70000", "65535"]),
        ("server: {url: http://x}", ["server.url", "http://x", "opc.tcp://"]),
        ("controller: {loops: [R102]}", ["controller.loops", "R102", "R101"]),
        ("detector: {batch: {schedule: daily}}", ["detector.batch.schedule", "daily", "hourly"]),
        ("mqtt: {url: tcp://user:geheim@h}", ["mqtt", "mqtt://"]),
        ("plant: [1]", ["plant", "[1]"]),
        ("[1, 2]", ["mapping", "plant"]),
        ("a: b: c", ["not YAML"]),
    ],
)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, text: str, names: list[str]) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(BadInput) as error:
        load_settings(file, env={})
    for name in [str(file), *names]:
        assert name in str(error.value)
    assert "geheim" not in str(error.value)


def test_a_bad_environment_variable_is_named() -> None:
    with pytest.raises(BadInput, match=r"environment CSTR_GATEWAY__PLANT__REACTORS: plant\.reactors: 'x'"):
        load_settings(env={"CSTR_GATEWAY__PLANT__REACTORS": "x"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.yaml: cannot be read"):
        load_settings(tmp_path / "gone.yaml", env={})


def test_secrets_survive_the_dump_and_hide_in_the_text(tmp_path: Path) -> None:
    settings = load_settings(overrides={"mqtt.url": "mqtt://u:geheim@127.0.0.1:1"}, env={})
    assert "geheim" not in repr(settings)
    file = tmp_path / "s.yaml"
    file.write_text(dump_settings(settings))
    assert load_settings(file, env={}) == settings


def test_endpoint_carries_the_first_host() -> None:
    settings = load_settings(overrides={"server.listen": "0.0.0.0", "server.hosts": ["plc1"]}, env={})
    assert settings.server.endpoint == "opc.tcp://plc1:4840/cstr-gateway"
    assert settings.server.local_endpoint == "opc.tcp://127.0.0.1:4840/cstr-gateway"
