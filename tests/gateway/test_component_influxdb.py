"""The real InfluxDB: our token opens it, no other does, and a foreign one in DATA is named at the start."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.components.component import ComponentError
from gateway.components.influxdb import InfluxDB
from runtime.ports import free_port

pytestmark = pytest.mark.component


def buckets(influx: InfluxDB, token: str) -> int:
    """The HTTP status that listing the bucket answers."""
    request = urllib.request.Request(
        f"{influx.url}/api/v2/buckets?name={influx.bucket}", headers={"Authorization": f"Token {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


async def test_only_the_token_made_at_first_start_opens_it(
    component: Callable[[str], Path], tmp_path: Path, serving
) -> None:
    component("influxd")
    influx = InfluxDB(tmp_path, free_port())
    async with serving(influx) as child:
        token = influx.token_file.read_text().strip()
        assert influx.token_file.stat().st_mode & 0o777 == 0o600
        assert buckets(influx, token) == 200
        assert buckets(influx, "guess") == 401
        child.kill()
        await child.start()
        assert influx.token_file.read_text().strip() == token
        assert buckets(influx, token) == 200
        influx.token_file.write_text("another\n")
        with pytest.raises(ComponentError, match=r"influxdb has another token, organisation or bucket"):
            await influx.wait_ready(5)
