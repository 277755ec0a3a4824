"""The real Telegraf: samples from MQTT to InfluxDB, by `config/telegraf.conf`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gateway.components.component import ChildSpec, poll_ready
from gateway.components.finder import required
from runtime.config_files import config_file

CLIENT_ID = "cstr-gateway-telegraf"
"""Of `config/telegraf.conf`; a session of it that is kept would fill a broker that runs without Telegraf."""
CONNECTED = "[inputs.mqtt_consumer] Connected"


@dataclass(frozen=True, slots=True)
class Telegraf:
    """Telegraf between the broker at `mqtt_url` and InfluxDB; logs to DATA/telegraf/telegraf.log."""

    data: Path
    mqtt_url: str
    influx_url: str
    token_file: Path
    org: str = "plant"
    bucket: str = "plant"

    @property
    def name(self) -> str:
        """The key in run.json."""
        return "telegraf"

    @property
    def _log(self) -> Path:
        return self.data.absolute() / "telegraf" / "telegraf.log"

    async def prepare(self) -> None:
        """Make the log's folder, and keep the last run's log apart."""
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        # Readiness is read from the log, so this run's must begin empty.
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".previous.log"))

    def spec(self) -> ChildSpec:
        """The process; the password and the token are passed by environment, never in the arguments."""
        parts = urlsplit(self.mqtt_url)
        scheme = "ssl" if parts.scheme == "mqtts" else "tcp"
        port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
        return ChildSpec(
            name=self.name,
            argv=(str(required("telegraf")), "--config", str(config_file("telegraf.conf"))),
            env={
                "MQTT_URL": f"{scheme}://{parts.hostname or '127.0.0.1'}:{port}",
                "MQTT_USERNAME": unquote(parts.username or ""),
                "MQTT_PASSWORD": unquote(parts.password or ""),
                "INFLUX_URL": self.influx_url,
                "INFLUX_TOKEN": self.token_file.read_text().strip(),
                "INFLUX_ORG": self.org,
                "INFLUX_BUCKET": self.bucket,
                "TELEGRAF_LOGFILE": str(self._log),
            },
            cwd=self.data.absolute(),
        )

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when Telegraf has logged that it is connected to the broker; it subscribes at once."""
        await poll_ready("Telegraf", self._probe, timeout_s)

    async def _probe(self) -> str | None:
        return await asyncio.to_thread(self._read_log)

    def _read_log(self) -> str | None:
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return f"has not begun {self._log}"
        if any(CONNECTED in line for line in lines):
            return None
        return lines[-1] if lines else f"{self._log} is empty"
