"""The examples of the README and of docs/, run as they stand there."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient

from runtime.pki.store import file_name

from ..runtime.pki.makers import make
from .conftest import COMMAND, ROOT, Up

pytestmark = [pytest.mark.system, pytest.mark.component]

README = (ROOT / "README.md").read_text()
MQTT = (ROOT / "docs" / "mqtt.md").read_text()
INFLUXDB = (ROOT / "docs" / "influxdb.md").read_text()
TEXTS = README + (ROOT / "docs" / "security.md").read_text() + MQTT
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXTS, re.MULTILINE | re.DOTALL)
LINES = list(dict.fromkeys(line.split(" #")[0].strip() for block in BLOCKS for line in block.splitlines()))
OF_A_PLANT = ("query", "inject", "clear", "summaries", "status", "users", "certs", "audit")
"""Commands that are told where the plant is."""
QUIET = {"inject", "clear", "users", "certs"}
"""Commands that may have nothing to print."""
EXAMPLES = re.compile(r"(\./cstr-gateway (?!up )|curl|echo)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples write, one after another."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "carla.der").write_bytes(make("carla").der)
    return folder


@pytest.fixture(scope="module")
def stranger(plant: Up) -> None:
    """A client whose first try was refused."""
    rejected = make("UaExpert")
    (plant.data / "pki" / "rejected" / "certs" / file_name(rejected.certificate)).write_bytes(rejected.der)


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("line", [line for line in LINES if EXAMPLES.match(line)])
def test_an_example_does_what_it_says(plant: Up, folder: Path, line: str) -> None:
    said, _, line = line.rpartition(" | ")
    words = shlex.split(line.replace("http://127.0.0.1:8080", plant.running["http"]))
    if words[0] == "curl":
        words[1:1] = ["--silent", "--fail"]
    else:
        words[0] = COMMAND
        if words[1] in OF_A_PLANT:
            words += ["--data", str(plant.data)]
    password = shlex.split(said)[1] if said else "a long password"
    done = subprocess.run(words, cwd=folder, input=f"{password}\n", capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for flag, name in itertools.pairwise(words):
        if flag in ("--out", "--plot"):
            assert (folder / name).stat().st_size > 1000
    if not {"--out", *QUIET} & set(words):
        assert done.stdout.strip()


def test_a_command_by_mqtt_is_answered_and_in_the_trail(plant: Up) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", MQTT, re.MULTILINE | re.DOTALL)
    program = program.replace('"data/', f'"{plant.data}/')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "Good", done.stdout + done.stderr
    rows = json.loads(plant.command("audit", "--format", "json"))
    (command,) = [row for row in rows if row["event"] == "MqttCommand"]
    assert (command["node"], command["new"], command["status"]) == ("R101.TIC101.SP", 352.5, "Good")


def test_influxdb_is_found_and_asked(plant: Up) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", INFLUXDB, re.MULTILINE | re.DOTALL)
    program = program.replace('"data/', f'"{plant.data}/')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("R101 "), done.stdout + done.stderr


@pytest.mark.parametrize("flux", re.findall(r"^```flux\n(.*?)^```$", INFLUXDB, re.MULTILINE | re.DOTALL))
def test_a_question_in_flux_has_rows(plant: Up, flux: str) -> None:
    where = plant.running["influxdb"]
    token = Path(where["token_file"]).read_text().strip()
    with InfluxDBClient(where["url"], token, org=where["org"]) as client:
        tables = client.query_api().query(flux)
    assert any(record["reactor"] == "R101" for table in tables for record in table)


def test_what_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", README):
        assert f"\n{target}:" in makefile
