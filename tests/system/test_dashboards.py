"""Every query of the Grafana dashboards, as Grafana would put it, has rows on a running plant.

Grafana itself is not run here: variables are put in and answers are read as its data sources say that they do it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest

from .conftest import ROOT, Up, wait_until

pytestmark = [pytest.mark.system, pytest.mark.component]

BOARDS = ROOT / "config" / "grafana" / "dashboards"
HTTP, FLUX = (json.loads((BOARDS / f"{name}.json").read_text()) for name in ("plant_http", "plant"))
SPAN = timedelta(minutes=1)
MOST_ROWS = {"Anomalies", "Hourly summaries"}
"""Tables that have rows only when something has happened."""


@pytest.fixture(scope="module")
def now(plant: Up) -> datetime:
    """The present of the plant, with half a minute of history, and an anomaly if it comes in time."""
    plant.command("batch", "--rows", "200", "--seed", "1")

    def is_old() -> bool:
        return len(plant.history_over_http("R101.T", "-30s")) > 250

    wait_until("half a minute of history", is_old, 90)
    return datetime.now(UTC)


def targets(board: dict[str, Any], kind: str) -> list[Any]:
    return [
        pytest.param(panel["title"], target, id=f"{panel['title']} {target['refId']}")
        for panel in board["panels"]
        for target in panel["targets"]
        if target["datasource"]["type"] == kind
    ]


def iso(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def put_in(text: str, values: dict[str, str]) -> str:
    """Put variables in; none may be left."""
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    assert "${" not in text, text
    return text


def variables(plant: Up, now: datetime) -> dict[str, str]:
    values = {"api": plant.running["http"], "__from:date:iso": iso(now - SPAN), "__to:date:iso": iso(now)}
    values["__interval"] = "2s"
    for variable in HTTP["templating"]["list"][1:]:
        query = variable["query"]["infinityQuery"]
        regex = re.compile(put_in(variable["regex"], values).strip("/"))
        found = [match[1] for (name,) in rows(query, values) if (match := regex.match(str(name)))]
        assert variable["current"]["value"] in found
        values[variable["name"]] = found[0]
    assert (values["reactor"], values["loop"]) == ("R101", "TIC101")
    return values


def rows(query: dict[str, Any], values: dict[str, str]) -> list[tuple[Any, ...]]:
    """Ask the HTTP API and pick what the columns name."""
    url = put_in(query["url"], values).replace("+", "%2B")
    with urllib.request.urlopen(url, timeout=10) as answer:
        content = json.load(answer)
    found = content[query["root_selector"]] if query["root_selector"] else content
    for each in query["filters"]:
        assert each["operator"] == "equals"
        found = [row for row in found if row[each["field"]] in [put_in(value, values) for value in each["value"]]]
    return [tuple(row[column["selector"]] for column in query["columns"]) for row in found]


@pytest.mark.parametrize(("title", "query"), targets(HTTP, "yesoreyeram-infinity-datasource"))
def test_queries_over_http(plant: Up, now: datetime, title: str, query: dict[str, Any]) -> None:
    found = rows(query, variables(plant, now))
    assert found or title in MOST_ROWS
    kinds = {"number": (int, float), "boolean": bool, "string": str, "timestamp": str}
    for row in found:
        for column, value in zip(query["columns"], row, strict=True):
            assert value is None or isinstance(value, kinds[column["type"]]), (column, value)
    if query["format"] == "timeseries":
        assert len(found) == SPAN.total_seconds() / 2
        assert sum(value is not None for _, value in found) > 10


@pytest.mark.parametrize(("title", "target"), targets(FLUX, "influxdb"))
def test_queries_in_flux(plant: Up, now: datetime, title: str, target: dict[str, Any]) -> None:
    flux = put_in(target["query"], {"reactor": "R101"})
    for name, value in (("timeRangeStart", iso(now - SPAN)), ("timeRangeStop", iso(now)), ("windowPeriod", "2s")):
        flux = flux.replace(f"v.{name}", value)
    assert "v." not in flux
    found = ask(plant, flux)
    assert found, title
    assert {"_time", "_value", "signal"} <= set(found[0])
    names = {row["signal"] for row in found if row["_value"]}
    assert names == {row["signal"] for row in found}, "a signal without any value"


def test_the_reactors_are_found_in_flux(plant: Up, now: datetime) -> None:
    (variable,) = FLUX["templating"]["list"]
    assert [row["_value"] for row in ask(plant, variable["query"])] == ["R101", "R102"]


@pytest.mark.parametrize(("title", "target"), targets(FLUX, "postgres"))
def test_queries_in_sql(plant: Up, now: datetime, title: str, target: dict[str, Any]) -> None:
    sql = put_in(target["rawSql"], {"reactor": "R101"})
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{iso(now - SPAN)}' AND '{iso(now)}'", sql)
    with contextlib.closing(psycopg2.connect(plant.running["postgres"])) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        found = cursor.fetchall()
    assert found or title == "Anomalies"


def ask(plant: Up, flux: str) -> list[dict[str, str]]:
    where = plant.running["influxdb"]
    request = urllib.request.Request(
        f"{where['url']}/api/v2/query?org={quote(where['org'])}",
        json.dumps({"query": flux, "dialect": {"annotations": []}}).encode(),
        {
            "Authorization": f"Token {Path(where['token_file']).read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return list(csv.DictReader(io.StringIO(answer.read().decode().strip())))
