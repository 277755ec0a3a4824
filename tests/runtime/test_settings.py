"""Settings: defaults in the file, precedence, and errors that name file, key, value and what is allowed."""

from pathlib import Path

import pytest

from runtime.errors import BadInput
from runtime.settings import Settings
from runtime.settings_file import check_secret_files, dump_settings, load_settings

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
        ("plant: {reactors: 0}", ["plant.reactors", "0", "allowed is 1 or more"]),
        ("plant: {reactors: three}", ["plant.reactors", "three", "integer"]),
        ("plant: {speed: .nan}", ["plant.speed", "nan"]),
        ("server: {port: 70000}", ["server.port", "70000", "65535"]),
        ("server: {url: http://x}", ["server.url", "http://x", "opc.tcp://"]),
        ("controller: {loops: [R102]}", ["controller.loops", "R102", "R101"]),
        ("detector: {batch: {schedule: daily}}", ["detector.batch.schedule", "daily", "hourly"]),
        ("mqtt: {url: tcp://user:geheim@h}", ["mqtt", "mqtt://"]),
        ("plant: [1]", ["plant", "[1]"]),
        ("[1, 2]", ["mapping", "plant"]),
        ("plant: {reactors: true}", ["plant.reactors", "True", "integer"]),
        ("plant: {speed: true}", ["plant.speed", "True", "number"]),
        ("plant: {ideal: 1}", ["plant.ideal", "1", "true or false"]),
        ("plant: {seed: 1, seed: 2}", ["line 1, column 18", "'seed' stands twice"]),
        ("server: {url: 'opc.tcp://:4840'}", ["server.url", "host"]),
        ("server: {url: 'opc.tcp://plc:99999/x'}", ["server.url", "port of 1 to 65535"]),
        ("server: {listen: ' '}", ["server.listen", "' '", "host name or an IP address"]),
        ("server: {listen: 999.1.1.1}", ["server.listen", "999.1.1.1", "host name or an IP address"]),
        ("server: {discovery: ['http://plc:4840']}", ["server.discovery", "opc.tcp://host:port"]),
        ("server: {hosts: ['']}", ["server.hosts.0", "host name"]),
        ("server: {hosts: plc1}", ["server.hosts", "'plc1'", "a list"]),
        ("server: {port: 9101}", ["server.health_port", "9101 is server.port too"]),
        ("mqtt: {port: 8080}", ["mqtt.port", "8080 is historian.http_port too"]),
        ("mqtt: {port: x}", ["mqtt.port", "'x'", "integer"]),
        ("historian: {nodes: [{node: i=1, name: A}]}", ["historian.nodes.0.name", "'A'", "e.g. Tank.Level"]),
        ("historian: {nodes: [{node: i=1, name: A.B, write: [5, 0]}]}", ["nodes.0.write", "the lower number first"]),
        ("mqtt: {site: a/b}", ["mqtt.site", "'a/b'"]),
        ("mqtt: 'mqtt://user:geheim@h'", ["mqtt: allowed is a mapping of url, port, site"]),
        ("mqtt: {url: 'mqtt://user:geheim@'}", ["mqtt.url", "mqtt://[user:password@]host:port"]),
        ("mqtt: {url: 'mqtt://user:geheim@h:port'}", ["mqtt.url", "port of 1 to 65535"]),
        ("mqtt: {url: 'mqtt://user:geheim@h': x}", ["not YAML"]),
        ("postgres: {dsn: 'postgresql://user:geheim@/db'}", ["postgres.dsn", "host"]),
        ("postgres: {dsn: ['postgresql://user:geheim@h/db']}", ["postgres.dsn"]),
        ("influxdb: {url: 'ftp://user:geheim@h'}", ["influxdb.url", "http://host:port"]),
        ("influxdb: {url: 'http://h:8086'}", ["influxdb.token_file", "is not set"]),
        ("influxdb: {org: ''}", ["influxdb.org"]),
        ("controller: {loops: R101}", ["controller.loops", "'R101'", "all, or a list of reactors"]),
        ("server: {users: [{name: anna}]}", ["server.users", "the path of a file"]),
        ("server: {login: {failures: 0}}", ["server.login.failures", "0", "allowed is 1 or more"]),
        ("mqtt: {sparkplug_host: scada}", ["mqtt.sparkplug_host", "allowed with sparkplug in mqtt.formats"]),
        ("server: {login: {lock_s: 60, longest_lock_s: 30}}", ["server.login.longest_lock_s", "allowed is 60 or more"]),
        ("detector: {batch: null}", ["detector.batch", "mapping of schedule, rows, abnormal"]),
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


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PLANT__REACTORS", "@foo", r"CSTR_GATEWAY__PLANT__REACTORS: not YAML"),
        ("PLANT__REACTORS", "[" * 5000, r"CSTR_GATEWAY__PLANT__REACTORS: not YAML"),
        ("PLANTS__REACTORS", "1", r"CSTR_GATEWAY__PLANTS__REACTORS: plants: unknown key; allowed are plant, server"),
        ("SERVER__PORT", "9101", r"server\.health_port: 9101 is server\.port too"),
        ("MQTT__URL", "mqtt://user:geheim@", r"CSTR_GATEWAY__MQTT__URL: mqtt\.url: allowed is"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        load_settings(env={f"CSTR_GATEWAY__{name}": value})
    assert "geheim" not in str(error.value)


def test_what_is_wrong_in_an_option_is_named() -> None:
    with pytest.raises(BadInput, match=r"^--speed: plant\.speed: 0: allowed is more than 0"):
        load_settings(overrides={"plant.speed": 0}, env={})
    with pytest.raises(BadInput, match=r"^--host: server\.hosts\.0: '': allowed is a host name"):
        load_settings(overrides={"server.hosts": [""]}, env={})


def test_a_file_that_holds_a_secret_is_read_and_named(tmp_path: Path) -> None:
    file = tmp_path / "token"
    settings = load_settings(overrides={"influxdb.url": "http://h:1", "influxdb.token_file": str(file)}, env={})
    with pytest.raises(BadInput, match=r"a\.yaml: influxdb\.token_file .*token: No such file"):
        check_secret_files(settings, Path("a.yaml"))
    file.write_text("\n")
    with pytest.raises(BadInput, match=r"settings: .*token is empty"):
        check_secret_files(settings, None)
    file.write_text("word\n")
    check_secret_files(settings, None)


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


def test_an_option_below_what_is_no_section_is_bad_input(tmp_path: Path) -> None:
    file = tmp_path / "plant.yaml"
    file.write_text("server: 5")
    with pytest.raises(BadInput, match=r"--port: server\.port: server is not a section"):
        load_settings(file, {"server.port": 4000}, env={})
