"""What `up` starts: the embedded servers and the services, by the settings."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from gateway.components import telegraf
from gateway.components.component import ChildSpec, Component, ComponentError, poll_ready
from gateway.components.influxdb import InfluxDB
from gateway.components.nats import Nats
from gateway.components.postgres import Postgres
from gateway.components.telegraf import Telegraf
from gateway.services import PACKAGES, service_argv
from runtime.health import NOT_YET
from runtime.ports import free_port, require_free
from runtime.running import RUN_SETTINGS, secret
from runtime.service import PARENT
from runtime.settings import Settings
from runtime.settings_file import dump_settings
from runtime.whole_files import write_private


@dataclass(frozen=True, slots=True)
class ServicePart:
    """One of our services as a component."""

    name: str
    settings_file: Path
    data: Path
    health_port: int

    @property
    def health(self) -> str:
        """Where it answers /healthz, /readyz and /metrics."""
        return f"http://127.0.0.1:{self.health_port}"

    async def prepare(self) -> None:
        """Nothing: a service makes what it needs."""

    def spec(self) -> ChildSpec:
        """The process."""
        return ChildSpec(
            self.name,
            tuple(service_argv(self.name, self.settings_file, self.data)),
            Path.cwd(),
            {"PYTHONUNBUFFERED": "1", PARENT: str(os.getpid())},
        )

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when /readyz says so; a service that is alive may wait for an outside part as long as it takes."""
        while True:
            try:
                return await poll_ready(f"the {self.name}", self._probe, timeout_s)
            except ComponentError:
                if not await self.is_alive():
                    raise

    async def _probe(self) -> str | None:
        code, body = await asyncio.to_thread(get, self.health_port, "/readyz")
        return None if code == 200 else body or "it does not answer yet"

    async def facts(self) -> dict[str, object]:
        """Return what /readyz says; empty when nobody answers."""
        _, body = await asyncio.to_thread(get, self.health_port, "/readyz")
        try:
            answer = json.loads(body)
        except ValueError:
            return {}
        return answer if isinstance(answer, dict) else {}

    async def is_alive(self) -> bool:
        """Tell whether its event loop turns."""
        code, _ = await asyncio.to_thread(get, self.health_port, "/healthz")
        return code == 200


def waited_for(facts: Mapping[str, object]) -> str:
    """Return what a part says it waits for, and why; empty when it waits for nothing."""
    waiting = facts.get("waiting_for")
    if not isinstance(waiting, dict):
        return ""
    share = f" {facts['training']}" if "training" in facts else ""
    return "; ".join(
        f"waits for {part}" if why == NOT_YET else f"{part}: {why}{share}" for part, why in waiting.items()
    )


def get(port: int, path: str) -> tuple[int, str]:
    """Return (status, body) of a GET on this machine, (0, reason) when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def counters(port: int) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, labels and value of the counters of a service; none when nobody answers."""
    code, body = get(port, "/metrics")
    for family in text_string_to_metric_families(body if code == 200 else ""):
        for sample in family.samples:
            if sample.name.endswith("_total"):
                yield sample.name, sample.labels, sample.value


def totals(port: int) -> dict[str, float]:
    """Return the counters of a service, each summed over its labels; empty when nobody answers."""
    sums: dict[str, float] = {}
    for name, _, value in counters(port):
        sums[name] = sums.get(name, 0.0) + value
    return sums


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will run, and the settings the services get."""

    settings: Settings
    components: tuple[Component, ...]
    services: tuple[ServicePart, ...]
    after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Part -> those that have to be ready before it starts."""


def with_free_ports(settings: Settings) -> Settings:
    """Return the settings with every port of ours a free one below 32768."""
    ports = _distinct_ports()

    def moved(section: str, *keys: str) -> object:
        part = getattr(settings, section)
        return part.model_copy(update={key: next(ports) for key in keys})

    return settings.model_copy(
        update={
            "server": moved("server", "port", "health_port"),
            "controller": moved("controller", "health_port"),
            "historian": moved("historian", "http_port", "health_port"),
            "mqtt": moved("mqtt", "port"),
            "postgres": moved("postgres", "port"),
            "detector": moved("detector", "health_port"),
        }
    )


def check_ports(settings: Settings) -> None:
    """Refuse ports that are in use, each by its setting.

    Raises:
        CouldNotRun: naming the port and the setting.
    """
    here = "127.0.0.1"
    if settings.server.url is None:
        require_free(settings.server.port, settings.server.listen, "OPC UA", "server.port")
        require_free(settings.server.health_port, here, "server's health", "server.health_port")
    require_free(settings.historian.http_port, settings.server.listen, "HTTP", "historian.http_port")
    if settings.mqtt.url is None:
        require_free(settings.mqtt.port, here, "MQTT broker", "mqtt.port")
    if settings.postgres.dsn is None:
        require_free(settings.postgres.port, here, "PostgreSQL", "postgres.port")
    for name in ("controller", "historian", "detector"):
        port = getattr(settings, name).health_port
        require_free(port, here, f"{name}'s health", f"{name}.health_port")


def make_plan(settings: Settings, data: Path, *, influxdb: bool) -> Plan:
    """Return what to run, and write the services' settings, secrets included, to DATA/run/settings.yaml (0600).

    Of a server that is no plant of ours there is nothing to control or to detect.
    """
    components: list[Component] = []
    after: dict[str, tuple[str, ...]] = {}
    ports = _distinct_ports(port for _, port in settings.own_ports())
    names = ["historian"] if settings.historian.nodes else list(PACKAGES)
    if settings.postgres.dsn is None and "detector" in names:
        postgres = Postgres(data, settings.postgres.port)
        components.append(postgres)
        settings = _with(settings, "postgres", dsn=SecretStr(postgres.dsn))
    if settings.mqtt.url is None:
        is_taken = influxdb or settings.influxdb.url is not None
        forget = () if is_taken else (telegraf.CLIENT_ID,)
        password = secret(data / "secrets" / "mqtt")
        nats = Nats(data, settings.mqtt.port, next(ports), password=password, forget=forget)
        components.append(nats)
        settings = _with(settings, "mqtt", url=SecretStr(nats.url))
    if influxdb and settings.influxdb.url is None:
        influx = InfluxDB(data, next(ports), settings.influxdb.org, settings.influxdb.bucket)
        components.append(influx)
        settings = _with(settings, "influxdb", url=influx.url, token_file=influx.token_file)
    if influxdb:
        components.append(_telegraf(settings, data))
        after["telegraf"] = tuple(part.name for part in components if part.name in ("mqtt", "influxdb"))
    settings_file = data / RUN_SETTINGS
    write_private(settings_file, dump_settings(settings))
    services = tuple(
        ServicePart(name, settings_file, data, getattr(settings, name).health_port)
        for name in names
        if name != "server" or settings.server.url is None
    )
    return Plan(settings, tuple(components), services, after)


def _telegraf(settings: Settings, data: Path) -> Telegraf:
    """Return Telegraf between broker and InfluxDB, ours or outside ones."""
    mqtt, influx = settings.mqtt.url, settings.influxdb
    if mqtt is None or influx.url is None or influx.token_file is None:
        message = "Telegraf needs mqtt.url, influxdb.url and influxdb.token_file"
        raise ValueError(message)
    return Telegraf(data, mqtt.get_secret_value(), influx.url, influx.token_file, influx.org, influx.bucket)


def _with(settings: Settings, section: str, **changes: object) -> Settings:
    return settings.model_copy(update={section: getattr(settings, section).model_copy(update=changes)})


def _distinct_ports(given: Iterable[int] = ()) -> Iterator[int]:
    taken = set(given)
    while True:
        port = free_port()
        if port not in taken:
            taken.add(port)
            yield port
