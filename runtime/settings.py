"""All settings: one YAML file, then `CSTR_GATEWAY__SECTION__KEY`, then options; all checked before use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from plant.names import reactor_names
from runtime.errors import BadInput

ENV_PREFIX = "CSTR_GATEWAY__"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Role = Literal["Observer", "Operator", "Engineer", "Supervisor", "SecurityAdmin", "Controller", "Detector"]
"""Of OPC 10000-18, and two more: who may hold loops, and who may write verdicts."""
Port = Annotated[int, Field(ge=1, le=65535)]


def _check_url(*schemes: str) -> AfterValidator:
    def check(url: str | None) -> str | None:
        if url is not None and not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            allowed = " or ".join(f"{scheme}://..." for scheme in schemes)
            message = f"allowed is {allowed}"
            raise ValueError(message)
        return url

    return AfterValidator(check)


class Section(BaseModel):
    """Frozen, refuses unknown keys, hides secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlantSettings(Section):
    """The simulated plant."""

    reactors: int = Field(default=1, ge=1, le=10_000)
    seed: int = Field(default=1, ge=0, le=2**32 - 1)
    speed: float = Field(default=1.0, gt=0, le=1000)
    ideal: bool = False
    """True: no noise, lag, quantisation or disturbances (the reference run)."""


class User(Section):
    """Who may log in; the password stands in a file, never here."""

    name: str = Field(min_length=1)
    roles: tuple[Role, ...] = ("Observer",)
    password_file: Path

    def password(self) -> str:
        """Read the password.

        Raises:
            BadInput: naming a file that cannot be read or is empty.
        """
        where = f"server.users: {self.name}: password_file {self.password_file}"
        try:
            text = self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{where}: {getattr(error, 'strerror', None) or error}") from None
        if not text:
            raise BadInput(f"{where} is empty; put the password there")
        return text


class ServerSettings(Section):
    """The OPC UA server."""

    url: Annotated[str | None, _check_url("opc.tcp")] = None
    """An outside server used instead of our own."""
    listen: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    """Names clients use, for endpoint, certificate and run.json; empty: `listen`."""
    port: Port = 4840
    scan_s: float = Field(default=0.1, ge=0.01, le=1.0)
    lockstep: bool = False
    """True: the plant advances only by Step, or by the controller's interval when it has written Tc."""
    anonymous_roles: tuple[Role, ...] | None = None
    """None: all roles on loopback, refused otherwise."""
    users: tuple[User, ...] = ()
    health_port: Port = 9101

    @property
    def on_loopback(self) -> bool:
        """True when the server listens on loopback only."""
        return self.listen in LOOPBACK

    @property
    def is_open(self) -> bool:
        """True when our services need no login: Anonymous has all roles on the server they use."""
        host = urlsplit(self.local_endpoint).hostname or ""
        return self.on_loopback and host in LOOPBACK and self.anonymous_roles is None

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

    interval_s: float = Field(default=0.5, ge=0.05, le=60.0)
    loops: Literal["all"] | tuple[str, ...] = "all"
    """Reactors whose loop our controller holds; the others are left to a foreign controller."""
    law: Literal["pid", "reference"] = "pid"
    health_port: Port = 9102


class HistorianSettings(Section):
    """Subscriptions to store, MQTT and queries."""

    sampling_s: float = Field(default=0.0, ge=0.0, le=3600.0)
    """0: every change; above, at most one sample a signal in this time."""
    retention_days: float = Field(default=7.0, gt=0)
    retention_gb: float = Field(default=5.0, gt=0)
    http_port: Port = 8080
    health_port: Port = 9103


class MqttSettings(Section):
    """The broker."""

    url: SecretStr | None = None
    """`mqtt://user:password@host:port`; None: `up` starts its own."""
    port: Port = 1883
    """Of the embedded broker."""
    site: str = Field(default="main", pattern=r"^[A-Za-z0-9_-]+$")

    @model_validator(mode="after")
    def _scheme(self) -> MqttSettings:
        if self.url is not None and not self.url.get_secret_value().startswith(("mqtt://", "mqtts://")):
            message = "url: allowed is mqtt://[user:password@]host:port or mqtts://..."
            raise ValueError(message)
        return self


class PostgresSettings(Section):
    """The database of summaries and anomalies."""

    dsn: SecretStr | None = None
    """`postgresql://user:password@host:port/database`; None: `up` starts its own."""
    port: Port = 5433
    """Of the embedded server."""

    @model_validator(mode="after")
    def _scheme(self) -> PostgresSettings:
        if self.dsn is not None and not self.dsn.get_secret_value().startswith(("postgresql://", "postgres://")):
            message = "dsn: allowed is postgresql://user:password@host:port/database"
            raise ValueError(message)
        return self


class InfluxSettings(Section):
    """InfluxDB 2, fed by Telegraf."""

    url: Annotated[str | None, _check_url("http", "https")] = None
    org: str = "plant"
    bucket: str = "plant"
    token_file: Path | None = None

    @model_validator(mode="after")
    def _token(self) -> InfluxSettings:
        if self.url is not None and self.token_file is None:
            message = "token_file: is not set; allowed is the file that holds the token for that url"
            raise ValueError(message)
        return self


class BatchSettings(Section):
    """The original pipeline's hourly job."""

    schedule: Literal["hourly", "off"] = "hourly"
    rows: int = Field(default=1000, ge=10, le=1_000_000)
    abnormal: float = Field(default=0.3, ge=0.0, le=1.0)


class DetectorSettings(Section):
    """Anomaly detection."""

    interval_s: float = Field(default=1.0, ge=0.1, le=60.0)
    batch: BatchSettings = BatchSettings()
    health_port: Port = 9104


def in_url(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


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

    @model_validator(mode="after")
    def _loops_exist(self) -> Settings:
        if self.controller.loops != "all" and self.server.url is None:
            unknown = [name for name in self.controller.loops if name not in self.reactors]
            if unknown:
                allowed = ", ".join(self.reactors)
                message = f"controller.loops: {unknown[0]!r} is not a reactor; allowed are {allowed}"
                raise ValueError(message)
        return self


def load_settings(
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Read a YAML file, then the environment, then `overrides` (`{"plant.speed": 2}`), and check all of it.

    Raises:
        BadInput: naming file (or variable, or option), key, value and what is allowed, one line each.
    """
    tree = _read_yaml(file) if file is not None else {}
    origin: dict[str, str] = {}
    env = os.environ if env is None else env
    for name in sorted(env):
        if name.startswith(ENV_PREFIX):
            key = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            _put(tree, key, yaml.safe_load(env[name]), name)
            origin[key] = f"environment {name}"
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tree, key, value, "option")
            origin[key] = "option"
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        where = str(file) if file is not None else "settings"
        raise BadInput("\n".join(_explain(where, origin, item) for item in error.errors())) from None


def dump_settings(settings: Settings) -> str:
    """Return the settings as YAML with secrets in plain text: write it 0600 only."""

    def plain(value: Any) -> Any:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, BaseModel):
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path) else value

    return yaml.safe_dump(plain(settings), sort_keys=False)


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{file}: cannot be read ({error.strerror}); give an existing YAML file with --config"
        raise BadInput(message) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"{file}: not YAML: {error}"
        raise BadInput(message) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        message = f"{file}: {tree!r}: allowed is a mapping of {', '.join(Settings.model_fields)}"
        raise BadInput(message)
    return {key: value for key, value in tree.items() if value is not None}


def _put(tree: dict[str, Any], key: str, value: object, origin: str) -> None:
    *sections, last = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            message = f"{origin}: {key}: {section} is not a section"
            raise BadInput(message)
    tree[last] = value


def _explain(where: str, origin: Mapping[str, str], item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    where = next((place for name, place in origin.items() if key == name or key.startswith(f"{name}.")), where)
    if item["type"] == "extra_forbidden":
        model: Any = Settings
        for part in item["loc"][:-1]:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field is not None else model
        allowed = ", ".join(getattr(model, "model_fields", {}))
        return f"{where}: {key}: unknown key; allowed are {allowed}"
    message = item["msg"].removeprefix("Value error, ")
    shown = "" if any(word in key for word in ("dsn", "mqtt", "password")) else f" {item['input']!r}:"
    return f"{where}: {key or 'settings'}:{shown if key else ''} {message}"
