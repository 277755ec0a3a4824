"""Puts the server together from asyncua's parts and ours."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from asyncua import Server, ua
from asyncua.common.connection import TransportLimits
from asyncua.crypto.permission_rules import User
from asyncua.server.internal_server import InternalServer

from opcua_server import standard_nodes
from opcua_server.access import role_set
from opcua_server.access.control import AccessControl
from opcua_server.access.policies import Policies, standard_policies
from opcua_server.address_space import build
from opcua_server.commands import Commands
from opcua_server.dispatch import Dispatcher
from opcua_server.limits import CHUNK_BYTES, MESSAGE_BYTES, MOST_CONNECTIONS, ServerLimits, show
from opcua_server.metrics import ClientMetrics
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.items import Items
from opcua_server.nodes import NodeBuilder
from opcua_server.publishing import Publisher
from opcua_server.services.agreement import Agreement
from opcua_server.services.attribute import AttributeService
from opcua_server.services.attribute_history import HistoryReader
from opcua_server.services.attribute_write import WriteService
from opcua_server.services.method import MethodService, show_executable
from opcua_server.services.monitored_item import MonitoredItemService
from opcua_server.services.subscription import SubscriptionService
from opcua_server.services.view import ViewService
from opcua_server.session import NOBODY, PlantSession
from opcua_server.simulator import Simulator
from opcua_server.templates import MODEL, use_template
from opcua_server.transport import PlantOpcuaServer
from opcua_server.users import Users
from opcua_server.wire import enumerations, lengths
from plant.clock import TICKS_PER_SECOND
from plant.names import NAMESPACE_URI
from runtime.certificates import Identity, application_uri
from runtime.errors import CouldNotRun
from runtime.settings import ServerSettings

log = logging.getLogger("server")

POLICIES = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
]


class PlantServer(InternalServer):
    """asyncua's internal server with our sessions and services, and standard nodes from a cache."""

    def __init__(self, users: Users, cache: Path) -> None:
        super().__init__(user_manager=users)  # type: ignore[arg-type]
        self._users = users
        self._cache = cache
        self.limits = ServerLimits()
        self.max_connections = MOST_CONNECTIONS
        self.on_loopback = True
        self.dispatcher: Dispatcher | None = None
        """Answers what sessions ask, once there is a plant."""
        self.publisher: Publisher | None = None
        self._simulator: Simulator | None = None
        self._engine: Engine | None = None
        self._subscriptions: SubscriptionService | None = None

    def serve(self, simulator: Simulator, commands: Commands, history: HistoryReader) -> Publisher:
        """Say which plant the sessions see; return what publishes it."""
        tags, limits, nodes = simulator.tags, self.limits, self.aspace
        engine = Engine(tags.bank, lambda subscription: subscriptions.expire(subscription))
        subscriptions = SubscriptionService(engine, lambda: Items(tags.bank), limits)
        policies = Policies(tags)
        for node, policy in standard_policies(nodes):
            policies.govern(node, policy)
        role_set.show_identities(nodes, policies, self._users.identity_rules)
        access = AccessControl(policies, on_loopback=self.on_loopback)
        attributes = AttributeService(nodes, tags, policies, limits)
        scan_ms = simulator.timing.scan / TICKS_PER_SECOND * 1000.0
        agreement = Agreement(nodes, attributes, tags, limits, scan_ms)
        items = MonitoredItemService(agreement, limits, lambda: subscriptions.item_count)
        self.dispatcher = Dispatcher(
            attributes,
            WriteService(nodes, simulator, commands, access, limits),
            ViewService(nodes, limits),
            MethodService(nodes, commands, subscriptions, access),
            items,
            subscriptions,
            history,
            access,
            limits,
        )
        self.publisher = Publisher(engine)
        subscriptions.on_change = self.publisher.wake
        self._simulator, self._engine, self._subscriptions = simulator, engine, subscriptions
        return self.publisher

    def metrics(self) -> ClientMetrics:
        """Return what is told of the clients; there must be a plant."""
        if self._subscriptions is None:
            raise ua.uaerrors.BadServerHalted
        return ClientMetrics(self._subscriptions, lambda: len(self._external_sessions))

    async def has_room(self) -> bool:
        """Tell whether there may be one more session; one that was never activated gives way, the oldest first."""
        sessions = self._external_sessions.values()
        if len(sessions) < self.limits.max_sessions:
            return True
        idle = next((session for session in sessions if not session.is_activated()), None)
        if idle is None:
            return False
        await idle.close_session(False)
        return True

    def longest_queue(self) -> int:
        """Return how many notifications wait for the slowest reader of any one item, of those that are connected."""
        sessions = [each for each in self._external_sessions.values() if isinstance(each, PlantSession)]
        present = {key for each in sessions if each.connection is not None for key in each.subscriptions}
        return self._engine.longest_queue(present) if self._engine is not None else 0

    async def stop(self) -> None:
        """End the sessions that wait for their clients to come back, too; the clock's next second is not waited for."""
        for session in list(self._external_sessions.values()):
            await session.close_session(True)
        if self.publisher is not None:
            self.publisher.stop()
        if self.time_task is not None:
            self.time_task.cancel()
            await asyncio.gather(self.time_task, return_exceptions=True)
            self.time_task = None
        await super().stop()

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        """Load namespace 0."""
        del shelf_file
        standard_nodes.load(self.aspace, self._cache)

    def create_session(self, name: str, user: User = NOBODY, external: bool = False) -> PlantSession:
        """Make a client's session."""
        del user, external
        if self._simulator is None or self._subscriptions is None:
            raise ua.uaerrors.BadServerHalted
        return PlantSession(self, self._simulator, self._subscriptions, self.limits, name)


async def make_server(
    settings: ServerSettings, users: Users, identity: Identity, reactors: tuple[str, ...], cache: Path
) -> tuple[Server, PlantServer]:
    """Return the server, its address space built, not yet listening."""
    lengths.check()
    enumerations.admit_unknown()
    internal = PlantServer(users, cache)
    internal.limits = replace(internal.limits, min_supported_sample_rate=settings.scan_s * 1000.0)
    internal.on_loopback = settings.on_loopback
    server = PlantOpcuaServer(iserver=internal)
    server.limits = TransportLimits(CHUNK_BYTES, CHUNK_BYTES, MESSAGE_BYTES // CHUNK_BYTES + 1, MESSAGE_BYTES)
    server._application_uri = application_uri()
    server.product_uri = "urn:cstr-gateway"
    server.name = "cstr-gateway"
    server.manufacturer_name = "cstr-gateway"
    server.application_type = ua.ApplicationType.Server
    await server.init()
    index = await server.register_namespace(NAMESPACE_URI)
    if index != 2:
        message = f"namespace {NAMESPACE_URI} has index {index}, not 2"
        raise RuntimeError(message)
    builder = NodeBuilder(internal.aspace, settings.scan_s * 1000.0)
    build(builder, [MODEL])
    role_set.build(builder, internal.aspace)
    show_executable(internal.aspace)
    use_template(internal.aspace, reactors)
    show(internal.aspace, internal.limits)
    await server.load_certificate(identity.certificate)
    await server.load_private_key(identity.key)
    server.set_endpoint(settings.endpoint)
    server.socket_address = (settings.listen, settings.port)
    server.set_security_policy(POLICIES)
    tokens: list[type] = [ua.UserNameIdentityToken]
    server.set_identity_tokens([ua.AnonymousIdentityToken, *tokens] if users.anonymous else tokens)
    return server, internal


async def listen(server: Server, settings: ServerSettings) -> None:
    """Open the port.

    Raises:
        CouldNotRun: naming a port that is in use or an address that is not here.
    """
    try:
        await server.start()
    except OSError as error:
        message = (
            f"OPC UA: cannot listen on {settings.listen}:{settings.port} ({error.strerror}); "
            "end what listens there, set server.port or server.listen, or use --ports auto"
        )
        raise CouldNotRun(message) from None
