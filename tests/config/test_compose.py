"""The compose stack without an engine: schema, lint, and our own settings reading its environment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from runtime.passwords import is_password
from runtime.settings_file import load_settings
from runtime.users_file import read_users

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = ("server", "controller", "historian", "detector")


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in argv], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_file_follows_the_compose_specification() -> None:
    done = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_passes_hadolint() -> None:
    done = run(BIN / "hadolint", "Dockerfile")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", STACK["services"])
def test_each_image_has_a_version_and_each_service_a_healthcheck(name: str) -> None:
    service = STACK["services"][name]
    assert re.search(r":\d+\.\d+", service["image"])
    assert name == "telegraf" or service["healthcheck"]["test"]


def test_only_opcua_http_and_grafana_are_published_on_loopback_unless_told() -> None:
    published = [port for service in STACK["services"].values() for port in service.get("ports", [])]
    assert sorted(port.rsplit(":", 1)[1] for port in published) == ["3000", "4840", "8080"]
    assert all(port.startswith("${CSTR_BIND:-127.0.0.1}:") for port in published)


def test_every_secret_comes_from_a_file_that_the_script_makes(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "compose-secrets"
    script.write_bytes((ROOT / "scripts" / "compose-secrets").read_bytes())
    script.chmod(0o755)
    assert run(script).returncode == 0
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(STACK["secrets"])
    assert all(re.fullmatch("[0-9a-f]{48}", value) for value in made.values())
    assert len(set(made.values())) == len(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert run(script).returncode == 0
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    for service in STACK["services"].values():
        assert set(service.get("secrets", [])) <= set(STACK["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_our_settings_read_each_services_environment(name: str) -> None:
    environment = {
        key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value))
        for key, value in STACK["services"][name]["environment"].items()
    }
    settings = load_settings(env=environment)
    assert not settings.server.on_loopback
    assert settings.server.endpoint.endswith(":4840/cstr-gateway")
    assert (settings.server.url is None) == (name == "server")


@pytest.mark.parametrize("name", OURS)
def test_our_services_share_one_certificate_store_under_names_that_stay(name: str) -> None:
    service = STACK["services"][name]
    assert service["volumes"] == [f"{name}:/data", "pki:/data/pki"]
    assert service["hostname"] == name
    assert "pki" in STACK["volumes"]
    others = [other for key, other in STACK["services"].items() if key not in OURS]
    assert not any(volume.startswith("pki:") for other in others for volume in other.get("volumes", []))
    # A new volume has the owner that the folder has in the image.
    assert re.search(r"install -d -o gateway .* /data/pki$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_the_server_is_known_by_the_name_that_the_services_use() -> None:
    environment = {
        key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value))
        for key, value in STACK["services"]["controller"]["environment"].items()
    }
    settings = load_settings(env=environment)
    assert urlsplit(settings.server.local_endpoint).hostname in settings.server.hosts


def test_scada_clients_log_in_with_passwords_from_secrets(tmp_path: Path) -> None:
    clients = {"viewer", "operator", "engineer"}
    assert clients <= set(STACK["services"]["server"]["secrets"])
    others = [service for name, service in STACK["services"].items() if name != "server"]
    assert not any(clients & set(service.get("secrets", [])) for service in others)
    secrets = {name: f"{name}-password" for name in clients}
    real = tmp_path / "bin" / "cstr-gateway"
    real.parent.mkdir()
    real.write_text(f'#!/bin/sh\n[ "$1" = users ] || exit 0\nexec {BIN}/cstr-gateway "$@"\n')
    enter(tmp_path, "server", secrets)
    enter(tmp_path, "server", {**secrets, "viewer": "another-password"})
    users = read_users(tmp_path / "data" / "users.yaml")
    assert {name: user.roles for name, user in users.items()} == {
        "viewer": ("Observer",),
        "operator": ("Observer", "Operator"),
        "engineer": ("Observer", "Operator", "Engineer"),
    }
    for name, password in {**secrets, "viewer": "another-password"}.items():
        hashed = users[name].hash
        assert hashed is not None
        assert is_password(password, hashed.get_secret_value())


def test_who_only_reads_has_no_more_than_the_readers_login() -> None:
    for name in ("historian", "grafana"):
        assert "postgres_reader" in STACK["services"][name]["secrets"]
        assert "postgres" not in STACK["services"][name]["secrets"]
    assert "user: reader" in (ROOT / "config/grafana/provisioning/datasources/influxdb.yaml").read_text()


@pytest.mark.parametrize("name", [*OURS, "telegraf"])
def test_what_needs_no_rights_has_none(name: str) -> None:
    service = STACK["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert name != "telegraf" or service["user"] == "telegraf"


def enter(folder: Path, service: str, secrets: dict[str, str]) -> list[str]:
    """Run the entrypoint with what is in `folder/bin` first on its path; return the lines it printed."""
    for path in ("run", "data"):
        (folder / path).mkdir(exist_ok=True)
    for secret, word in secrets.items():
        (folder / "run" / secret).write_text(word)
    (folder / "bin" / "cstr-gateway").chmod(0o755)
    script = (ROOT / "config/compose/entrypoint").read_text()
    entrypoint = folder / "entrypoint"
    entrypoint.write_text(script.replace("/run/secrets", f"{folder}/run").replace("/data", f"{folder}/data"))
    done = subprocess.run(
        ["/bin/sh", entrypoint, service],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_entrypoint_hands_secrets_on_and_becomes_the_service(tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "cstr-gateway"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@"; env | grep CSTR_GATEWAY__\n')
    secrets = {secret: f"{secret}-word" for secret in ("mqtt", "postgres_reader", "controller")}
    first, *others = enter(tmp_path, "controller", secrets)
    assert first == f"controller --data {tmp_path}/data"
    settings = load_settings(env=dict(line.split("=", 1) for line in others))
    assert settings.mqtt.url is not None
    assert settings.mqtt.url.get_secret_value() == "mqtt://gateway:mqtt-word@mosquitto:1883"
    assert settings.postgres.dsn is not None
    assert settings.postgres.dsn.get_secret_value() == "postgresql://reader:postgres_reader-word@postgres:5432/cstr"
    login = tmp_path / "data/secrets/controller"
    assert (login.read_text(), login.stat().st_mode & 0o777) == ("controller-word", 0o600)


def test_influxdb_begins_a_new_segment_of_its_log_at_each_start(tmp_path: Path) -> None:
    (command,) = STACK["services"]["influxdb"]["command"]
    script = command.replace("$$", "$").replace("/var/lib/influxdb2", str(tmp_path)).replace("/entrypoint.sh", "echo")
    assert run("sh", "-c", script).stdout == "influxd\n"
    for shard, segments in {"1": ["_00008.wal", "_00009.wal"], "2": ["_00019.wal"], "3": []}.items():
        folder = tmp_path / "engine" / "wal" / "bucket" / "autogen" / shard
        folder.mkdir(parents=True)
        for name in segments:
            (folder / name).write_bytes(b"entries")
    for _ in range(2):
        done = run("sh", "-c", script)
        assert (done.stdout, done.stderr) == ("influxd\n", "")
        found = sorted(
            str(path.relative_to(tmp_path / "engine/wal/bucket/autogen")) for path in tmp_path.rglob("*.wal")
        )
        assert found == ["1/_00008.wal", "1/_00009.wal", "1/_00010.wal", "2/_00019.wal", "2/_00020.wal"]


def test_the_dashboard_speaks_the_contracts_names() -> None:
    board = json.loads((ROOT / "config/grafana/dashboards/plant.json").read_text())
    sources = {
        source["uid"]
        for source in yaml.safe_load((ROOT / "config/grafana/provisioning/datasources/influxdb.yaml").read_text())[
            "datasources"
        ]
    }
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == sources
    queries = " ".join(target.get("query", "") for panel in board["panels"] for target in panel["targets"])
    from plant.signals import reactor_signals

    known = {signal.name for signal in reactor_signals("R101")}
    assert set(re.findall(r'r\.signal == "([^"]+)"', queries)) <= known
    assert {f"TIC101.{leaf}" for leaf in re.findall(r"TIC\[0-9\]\+\\\.(\w+)", queries)} <= known


def test_the_dashboard_over_http_needs_nothing_but_the_historian_and_a_plug_in_that_grafana_fetches() -> None:
    board = json.loads((ROOT / "config/grafana/dashboards/plant_http.json").read_text())
    (source,) = yaml.safe_load((ROOT / "config/grafana/provisioning/datasources/http.yaml").read_text())["datasources"]
    asked = [panel["datasource"] for panel in board["panels"]] + [
        target["datasource"] for panel in board["panels"] for target in panel["targets"]
    ]
    assert all(each == {"type": source["type"], "uid": source["uid"]} for each in asked)
    api, *variables = board["templating"]["list"]
    assert [api["query"]] == source["jsonData"]["allowedHosts"]
    assert urlsplit(api["query"]).hostname in STACK["services"]
    assert [variable["name"] for variable in variables] == ["reactor", "loop"]
    assert STACK["services"]["grafana"]["environment"]["GF_PLUGINS_PREINSTALL"].split("@")[0] == source["type"]
