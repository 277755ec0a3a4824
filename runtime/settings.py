"""All settings, what is allowed for each and what does not go together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from plant.names import reactor_names
from runtime.addresses import in_url
from runtime.errors import BadInput
from runtime.fields import Dsn, Flag, Host, HttpUrl, MqttUrl, Name, Number, OpcuaUrl, Port, SignalName, Whole
from runtime.limit_settings import LimitSettings
from runtime.section import Section

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Role = Literal[
    "Observer", "Operator", "Engineer", "Supervisor", "ConfigureAdmin", "SecurityAdmin", "Controller", "Detector"
]
"""Of OPC 10000-3 v1.05 §4.9.2, and two more: who may hold loops, and who may write verdicts."""


class PlantSettings(Section):
    """The simulated plant."""

    reactors: Whole = Field(default=1, ge=1, le=10_000)
    seed: Whole = Field(default=1, ge=0, le=2**32 - 1)
    speed: Number = Field(default=1.0, gt=0, le=1000)
    ideal: Flag = False
    """True: no noise, lag, quantisation or disturbances (the reference run)."""


class LoginSettings(Section):
    """Against guessing passwords."""

    failures: Whole = Field(default=5, ge=1, le=1000)
    """Of a user name from one address: then it is locked there."""
    address_failures: Whole = Field(default=50, ge=1, le=100_000)
    """Of all names from one address: then no user may log in from there."""
    lock_s: Number = Field(default=60.0, gt=0.0, le=86_400.0)
    """The first lock; each one after it lasts twice as long."""
    longest_lock_s: Number = Field(default=900.0, gt=0.0, le=86_400.0)
    """After so long without a failure, all is forgotten."""


class AuditSettings(Section):
    """The trail of what clients did, below the data directory."""

    megabytes: Number = Field(default=10.0, ge=0.1, le=10_000.0)
    files: Whole = Field(default=10, ge=1, le=1_000)


class ServerSettings(Section):
    """The OPC UA server."""

    url: OpcuaUrl | None = None
    """An outside server used instead of our own."""
    listen: Host = "127.0.0.1"
    hosts: tuple[Host, ...] = ()
    """Names clients use, for endpoint, certificate and run.json; empty: `listen`."""
    port: Port = 4840
    discovery: tuple[OpcuaUrl, ...] = ()
    """Discovery servers that are told of the server, for clients that ask there."""
    scan_s: Number = Field(default=0.1, ge=0.01, le=1.0)
    lockstep: Flag = False
    """True: the plant advances only by Step, or by the controller's interval when it has written Tc."""
    history_days: Number = Field(default=7.0, gt=0.0)
    history_gb: Number = Field(default=5.0, gt=0.0)
    """Disk for the server's own history; whichever comes first."""
    history_sync: Flag = False
    """Values last over a power cut before they are published; False: over the end of any process."""
    ledger: Path | None = None
    """A file of every value that the server takes, to prove a historian by."""
    policy_none: Flag | None = None
    """Sessions without security; None: on loopback only."""
    anonymous_roles: tuple[Literal[Role, "Anonymous"], ...] | None = None
    """None: all roles on loopback, refused otherwise; `Anonymous` alone sees the Server object and the types."""
    users: Path | None = None
    """The users file; None: DATA/users.yaml."""
    login: LoginSettings = LoginSettings()
    audit: AuditSettings = AuditSettings()
    limits: LimitSettings = LimitSettings()
    health_port: Port = 9101

    @property
    def on_loopback(self) -> bool:
        """True when the server listens on loopback only."""
        return self.listen in LOOPBACK

    @property
    def has_policy_none(self) -> bool:
        """True when sessions without security are allowed."""
        return self.on_loopback if self.policy_none is None else self.policy_none

    @property
    def is_open(self) -> bool:
        """True when our services need no login: Anonymous has all roles on the server they use."""
        host = urlsplit(self.local_endpoint).hostname or ""
        return self.on_loopback and host in LOOPBACK and self.anonymous_roles is None and self.has_policy_none

    @property
    def endpoint(self) -> str:
        """The endpoint clients are told."""
        if self.url is not None:
            return self.url
        return f"opc.tcp://{in_url(self.hosts[0] if self.hosts else self.local_host)}:{self.port}/cstr-gateway"

    @property
    def local_endpoint(self) -> str:
        """The endpoint our own services use on this machine."""
        if self.url is not None:
            return self.url
        return f"opc.tcp://{in_url(self.local_host)}:{self.port}/cstr-gateway"

    @property
    def local_host(self) -> str:
        """The address under which this machine reaches what listens on `listen`."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.listen, self.listen)  # noqa: S104


class ControllerSettings(Section):
    """The PID client."""

    interval_s: Number = Field(default=0.5, ge=0.05, le=60.0)
    loops: Literal["all"] | tuple[str, ...] = "all"
    """Reactors whose loop our controller holds; the others are left to a foreign controller."""
    law: Literal["pid", "reference"] = "pid"
    health_port: Port = 9102

    @field_validator("loops", mode="before")
    @classmethod
    def _all_or_a_list(cls, value: object) -> object:
        if value != "all" and not (isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)):
            message = "allowed is all, or a list of reactors, e.g. [R101]"
            raise ValueError(message)
        return value


class NodeSettings(Section):
    """A Variable of an outside server that is none of ours."""

    node: Name
    """NodeId, e.g. `ns=1;s=Tank.Level` or `nsu=urn:vendor;i=7`."""
    name: SignalName
    """PART.NAME: the part stands where reactors do, in topics and in InfluxDB's tag `reactor`."""
    unit: str = ""
    stepped: Flag | None = None
    """A value holds until the next one; None: all but floating-point numbers do."""
    write: tuple[Number, Number] | None = None
    """The range that commands from MQTT may write; None: they may not."""

    @field_validator("write")
    @classmethod
    def _is_range(cls, write: tuple[float, float] | None) -> tuple[float, float] | None:
        if write is not None and not write[0] <= write[1]:
            message = "allowed is [LOW, HIGH], the lower number first, e.g. [0, 5]"
            raise ValueError(message)
        return write


class HistorianSettings(Section):
    """Subscriptions to store, MQTT and queries."""

    sampling_s: Number = Field(default=0.0, ge=0.0, le=3600.0)
    """0: every change; above, at most one sample a signal in this time."""
    retention_days: Number = Field(default=7.0, gt=0)
    retention_gb: Number = Field(default=5.0, gt=0)
    history_sync: Flag = False
    """Samples last over a power cut before they are acknowledged; False: over the end of any process."""
    nodes: tuple[NodeSettings, ...] = ()
    """What is collected from `server.url` where that is no plant of ours; empty: it is one."""
    http_port: Port = 8080
    health_port: Port = 9103


class MqttSettings(Section):
    """The broker."""

    url: MqttUrl | None = None
    """`mqtt://user:password@host:port`; None: `up` starts its own."""
    port: Port = 1883
    """Of the embedded broker."""
    site: str = Field(default="main", pattern=r"^[A-Za-z0-9_-]+$")
    formats: tuple[Literal["lp", "json", "sparkplug"], ...] = ("lp", "json")
    """What samples are published as: InfluxDB line protocol, JSON DataSetMessages of OPC 10000-14, Sparkplug B."""
    sparkplug_node: str = Field(default="cstr-gateway", pattern=r"^[A-Za-z0-9_-]+$")
    """The edge node's name; its group is the site."""
    sparkplug_host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+$")
    """The primary host: nothing is sent while its STATE is not online. None: it is sent to whoever hears."""


class PostgresSettings(Section):
    """The database of summaries and anomalies."""

    dsn: Dsn | None = None
    """`postgresql://user:password@host:port/database`; None: `up` starts its own."""
    port: Port = 5433
    """Of the embedded server."""


class InfluxSettings(Section):
    """InfluxDB 2, fed by Telegraf."""

    url: HttpUrl | None = None
    org: Name = "plant"
    bucket: Name = "plant"
    token_file: Path | None = None

    def token(self) -> str:
        """Read the token; empty without a file.

        Raises:
            BadInput: naming a file that cannot be read or is empty.
        """
        return _read_secret(self.token_file, "influxdb.token_file") if self.token_file is not None else ""


class BatchSettings(Section):
    """The original pipeline's hourly job."""

    schedule: Literal["hourly", "off"] = "hourly"
    rows: Whole = Field(default=1000, ge=10, le=1_000_000)
    abnormal: Number = Field(default=0.3, ge=0.0, le=1.0)


class DetectorSettings(Section):
    """Anomaly detection."""

    interval_s: Number = Field(default=1.0, ge=0.1, le=60.0)
    batch: BatchSettings = BatchSettings()
    health_port: Port = 9104


class Settings(Section):
    """Everything; each key with its default stands in `config/gateway.yaml`."""

    plant: PlantSettings = PlantSettings()
    server: ServerSettings = ServerSettings()
    controller: ControllerSettings = ControllerSettings()
    historian: HistorianSettings = HistorianSettings()
    mqtt: MqttSettings = MqttSettings()
    postgres: PostgresSettings = PostgresSettings()
    influxdb: InfluxSettings = InfluxSettings()
    detector: DetectorSettings = DetectorSettings()

    @property
    def reactors(self) -> tuple[str, ...]:
        """Names of the simulated reactors."""
        return reactor_names(self.plant.reactors)

    @property
    def web(self) -> str:
        """The page, as this machine reaches it."""
        return f"http://{in_url(self.server.local_host)}:{self.historian.http_port}/"

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that do not go together with others, each with the reason and what is allowed."""
        names = self.reactors
        if self.controller.loops != "all" and self.server.url is None:
            for name in self.controller.loops:
                if name not in names:
                    allowed = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
                    yield "controller.loops", f"{name!r} is not a reactor; allowed are {allowed}"
        if self.influxdb.url is not None and self.influxdb.token_file is None:
            yield "influxdb.token_file", "is not set; allowed is the file that holds the token for influxdb.url"
        if self.historian.nodes and self.server.url is None:
            yield "historian.nodes", "are those of an outside server; set server.url"
        names_of_nodes = [each.name for each in self.historian.nodes]
        for name in sorted({name for name in names_of_nodes if names_of_nodes.count(name) > 1}):
            yield "historian.nodes", f"{name} is there twice; allowed is each name once"
        if self.influxdb.url is not None and "lp" not in self.mqtt.formats:
            yield "mqtt.formats", "has no lp, which is how samples get to influxdb.url; allowed is a list with lp"
        if self.mqtt.sparkplug_host is not None and "sparkplug" not in self.mqtt.formats:
            yield "mqtt.sparkplug_host", "is waited for by nobody; allowed with sparkplug in mqtt.formats"
        if self.server.login.longest_lock_s < self.server.login.lock_s:
            shortest = self.server.login.lock_s
            yield "server.login.longest_lock_s", f"is below server.login.lock_s; allowed is {shortest:g} or more"
        for key, reason in self.server.limits.conflicts():
            yield f"server.limits.{key}", reason
        taken: dict[int, str] = {}
        for key, port in self.own_ports():
            if port in taken:
                yield key, f"{port} is {taken[port]} too; give each a port of its own"
            taken.setdefault(port, key)

    def own_ports(self) -> Iterator[tuple[str, int]]:
        """Yield the ports that we listen on, by their keys."""
        if self.server.url is None:
            yield "server.port", self.server.port
            yield "server.health_port", self.server.health_port
        yield "controller.health_port", self.controller.health_port
        yield "historian.http_port", self.historian.http_port
        yield "historian.health_port", self.historian.health_port
        yield "detector.health_port", self.detector.health_port
        if self.mqtt.url is None:
            yield "mqtt.port", self.mqtt.port
        if self.postgres.dsn is None:
            yield "postgres.port", self.postgres.port


def _read_secret(file: Path, key: str) -> str:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{key} {file}: {getattr(error, 'strerror', None) or error}") from None
    if not text:
        raise BadInput(f"{key} {file} is empty; put the secret there")
    return text
