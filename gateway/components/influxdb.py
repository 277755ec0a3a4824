"""The real InfluxDB 2, with its data and its token in DATA."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.components.component import ChildSpec, ComponentError, poll_ready
from gateway.components.finder import required
from gateway.components.influxdb_log import begin_new_segments
from runtime.influx_refusals import refusals
from runtime.running import secret

REQUEST_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class InfluxDB:
    """InfluxDB on loopback, one organisation and one bucket; `retention_s` 0 keeps everything."""

    data: Path
    port: int
    org: str = "plant"
    bucket: str = "plant"
    retention_s: int = 0

    @property
    def name(self) -> str:
        """The key in run.json."""
        return "influxdb"

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        """The operator token's file, made by `prepare`, mode 0600."""
        return self.data.absolute() / "secrets" / "influxdb-token"

    @property
    def _folder(self) -> Path:
        return self.data.absolute() / "influxdb"

    async def prepare(self) -> None:
        """Make the folder and the token, and mend what a killed run left of its log."""
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret(self.token_file)
        secret(self._password_file)
        begin_new_segments(self._engine)

    @property
    def _engine(self) -> Path:
        return self._folder / "engine"

    @property
    def _password_file(self) -> Path:
        return self.token_file.with_name("influxdb-password")

    def spec(self) -> ChildSpec:
        """The server's process."""
        folder = self._folder
        return ChildSpec(
            name=self.name,
            argv=(
                str(required("influxd")),
                "run",
                f"--http-bind-address=127.0.0.1:{self.port}",
                f"--bolt-path={folder / 'influxd.bolt'}",
                f"--sqlite-path={folder / 'influxd.sqlite'}",
                f"--engine-path={self._engine}",
                "--reporting-disabled",
                "--log-level=warn",
            ),
            # A database driver that Flux brings along makes a cache in the home directory otherwise.
            env={"SF_OCSP_RESPONSE_CACHE_DIR": str(folder)},
            cwd=folder,
            refusal="opening shard previously failed",
            refusals=self._refusals,
        )

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when the server takes writes: healthy, and set up with our token at the first start."""
        await poll_ready(f"InfluxDB on port {self.port}", self._probe, timeout_s)

    async def _probe(self) -> str | None:
        return await asyncio.to_thread(self._set_up)

    def _set_up(self) -> str | None:
        """None when it is set up; else why not yet. Raises ComponentError when it refuses our token."""
        try:
            status, answer = self._ask("GET", "/health")
            if status != http.client.OK:
                return f"/health answers {status}"
            status, answer = self._ask("GET", "/api/v2/setup")
            if status == http.client.OK and answer.get("allowed"):
                status, answer = self._ask("POST", "/api/v2/setup", self._onboarding())
                return None if status == http.client.CREATED else f"set-up answers {status}: {answer}"
            status, answer = self._ask("GET", f"/api/v2/buckets?name={self.bucket}&org={self.org}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            return str(error) or type(error).__name__
        if status in (http.client.UNAUTHORIZED, http.client.NOT_FOUND):
            message = f"InfluxDB in {self._folder} has another token, organisation or bucket: {answer}"
            raise ComponentError(message)
        return None if status == http.client.OK else f"buckets answers {status}: {answer}"

    def _onboarding(self) -> dict[str, object]:
        return {
            "username": "plant",
            "password": secret(self._password_file),
            "org": self.org,
            "bucket": self.bucket,
            "token": secret(self.token_file),
            "retentionPeriodSeconds": self.retention_s,
        }

    def _refusals(self) -> int | None:
        try:
            return refusals(self._answer("GET", "/metrics")[1].decode())
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def _ask(self, method: str, path: str, body: object | None = None) -> tuple[int, dict[str, Any]]:
        status, octets = self._answer(method, path, body)
        answer = json.loads(octets or b"{}")
        return status, answer if isinstance(answer, dict) else {}

    def _answer(self, method: str, path: str, body: object | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            headers = {"Authorization": f"Token {secret(self.token_file)}"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
