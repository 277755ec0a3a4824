"""Puts the server together from asyncua's parts and ours."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path

from asyncua import Server, ua
from asyncua.server.internal_server import InternalServer

from opcua_server import open_files, standard_nodes
from opcua_server.access import defaults, role_set
from opcua_server.access.control import AccessControl
from opcua_server.access.policies import Policies, standard_policies
from opcua_server.address_space import build
from opcua_server.auditing.audit import Audit
from opcua_server.auditing.connections import ConnectionAudit
from opcua_server.auditing.teller import Trail
from opcua_server.commands import Commands
from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.diagnostics.nodes import DiagnosticNodes
from opcua_server.diagnostics.server_diagnostics import ServerDiagnostics
from opcua_server.dispatch import Dispatcher
from opcua_server.events import Events
from opcua_server.historical_access.updater import HistoryUpdater
from opcua_server.limits import ServerLimits, show
from opcua_server.metrics import ClientMetrics
from opcua_server.monitoring.engine import Engine
from opcua_server.monitoring.event import Event
from opcua_server.monitoring.items import Items
from opcua_server.nodes import NodeBuilder
from opcua_server.processor import PlantProcessor
from opcua_server.publishing import Publisher
from opcua_server.security.endpoints import Endpoints
from opcua_server.security.identities import ServerIdentities
from opcua_server.security.secure_channel import SecureChannel
from opcua_server.server_object import ServerStatus, build_info, show_build, show_capabilities, show_status
from opcua_server.services.agreement import Agreement
from opcua_server.services.attribute import AttributeService
from opcua_server.services.attribute_history import HistoryReader
from opcua_server.services.attribute_history_update import HistoryUpdateService
from opcua_server.services.attribute_write import WriteService
from opcua_server.services.discovery import DiscoveryService
from opcua_server.services.method import MethodService, show_executable
from opcua_server.services.monitored_item import MonitoredItemService
from opcua_server.services.session import SessionService
from opcua_server.services.subscription import SubscriptionService
from opcua_server.services.view import ViewService
from opcua_server.session import PlantUser
from opcua_server.sessionless import SessionlessRequests
from opcua_server.sessions import Sessions
from opcua_server.simulator import Simulator
from opcua_server.subscriptions import Subscriptions
from opcua_server.templates import MODEL, use_template
from opcua_server.transport import Listener, PlantProtocol
from opcua_server.users import LOOK_EVERY_S, Users
from opcua_server.wire import decoding, enumerations, lengths
from plant.clock import TICKS_PER_SECOND
from plant.names import NAMESPACE_URI
from runtime.errors import CouldNotRun
from runtime.pki.own import application_uri
from runtime.pki.trust import CertificateRefused, TrustList
from runtime.pki.validation import Use
from runtime.settings import ServerSettings

log = logging.getLogger("server")


class PlantServer(InternalServer):
    """asyncua's internal server with our sessions and services, and standard nodes from a cache."""

    def __init__(
        self,
        cache: Path,
        limits: ServerLimits,
        endpoints: Endpoints,
        users: Users,
        pki: Path,
        *,
        on_loopback: bool,
    ) -> None:
        super().__init__()
        self._cache = cache
        self.limits = limits
        self.sessions: Sessions | None = None
        """Once there is a plant, as the next three."""
        self._endpoints = endpoints
        self._users = users
        self._pki = pki
        self._on_loopback = on_loopback
        self._user_trust = TrustList(pki / "users", Use.USER)
        self._last_channel = secrets.randbelow(1 << 31)  # none is as before a restart (OPC 10000-6 v1.05 §6.7.2.2)
        self.listener: Listener | None = None
        self.disabled_clock = True  # the time is told when it is asked for
        self.status: ServerStatus | None = None
        self.counts = ServerCounts()
        self.diagnostic_nodes: DiagnosticNodes | None = None
        self.publisher: Publisher | None = None
        self._engine: Engine | None = None
        self._history_updates: HistoryUpdateService | None = None
        self._subscriptions: Subscriptions | None = None

    def serve(
        self,
        simulator: Simulator,
        commands: Commands,
        history: HistoryReader,
        history_updater: HistoryUpdater,
        record: Callable[[], None],
        trail: Trail,
    ) -> Publisher:
        """Say which plant the sessions see, and where what they do is told; return what publishes it."""
        tags, limits, nodes = simulator.tags, self.limits, self.aspace
        engine = Engine(tags.bank, lambda subscription: subscriptions.expire(subscription))
        policies = Policies(tags)
        for node, policy in standard_policies(nodes):
            policies.govern(node, policy)
        role_set.show_identities(nodes, policies, self._users.identity_rules)
        access = AccessControl(policies, on_loopback=self._on_loopback)
        events = Events(nodes)
        all_subscriptions = Subscriptions(access.may_receive)
        subscriptions = SubscriptionService(engine, all_subscriptions, lambda: Items(tags.bank), limits)
        audit = Audit(
            trail, events, all_subscriptions.notify, lambda: all_subscriptions.is_listening, application_uri()
        )
        attributes = AttributeService(nodes, tags, policies, limits)
        scan_ms = simulator.timing.scan / TICKS_PER_SECOND * 1000.0
        agreement = Agreement(nodes, attributes, tags, events, limits, scan_ms)
        items = MonitoredItemService(agreement, limits, lambda: all_subscriptions.item_count)

        connection_audit = ConnectionAudit(audit)
        self.sessions = sessions = Sessions(limits, subscriptions, simulator.loops, connection_audit, self.counts)
        sessionless = SessionlessRequests(
            DiscoveryService(self._endpoints),
            SessionService(sessions, self._endpoints, self._users, self._user_trust, connection_audit, limits),
            connection_audit,
            self.counts,
        )
        self._history_updates = history_updates = HistoryUpdateService(history_updater, audit)
        dispatcher = Dispatcher(
            attributes,
            WriteService(nodes, simulator, commands, access, audit, limits, record),
            ViewService(nodes, limits),
            MethodService(nodes, commands, subscriptions, access, audit),
            items,
            subscriptions,
            history,
            history_updates,
            access,
            sessionless,
            audit,
            limits,
            self.counts,
        )
        sessions.on_activated = dispatcher.reassess
        if self.diagnostic_nodes is not None:
            ServerDiagnostics(self.diagnostic_nodes, self.counts, sessions, all_subscriptions).show(nodes)
        trust = TrustList(self._pki)

        def make_processor(transport: asyncio.Transport) -> PlantProcessor:
            channel = SecureChannel(self._new_channel_id(), self._endpoints.identities, trust, limits)
            return PlantProcessor(dispatcher, sessionless, sessions, connection_audit, channel, transport, limits)

        self.listener = Listener(make_processor, limits)
        self.publisher = Publisher(engine, record)
        subscriptions.on_change = self.publisher.wake
        self._engine, self._subscriptions = engine, all_subscriptions
        return self.publisher

    @property
    def description(self) -> ua.ApplicationDescription:
        """What is told of the server."""
        return self._endpoints.application(None)

    def metrics(self) -> ClientMetrics:
        """Return what is told of the clients; there must be a plant."""
        assert self._subscriptions is not None and self.sessions is not None  # noqa: S101, PT018
        return ClientMetrics(self._subscriptions, self.sessions.__len__, self.limits.reached)

    def tell(self, event: Event) -> None:
        """Let those who listen have an event; there must be a plant."""
        assert self._subscriptions is not None  # noqa: S101
        self._subscriptions.notify(event)

    def end_refused_sessions(self) -> None:
        """End the sessions of users who may not log in any more, with their subscriptions."""
        for session in self.sessions or ():
            why = self._why_refused(session.user)
            if why:
                log.warning("session of user %r ends: %s", session.user.name, why)
                session.close(delete_subscriptions=True)

    async def watch_trust(self) -> None:
        """Follow the trust list until cancelled: whose application is on it no more is disconnected.

        Those that have come since the last look are looked at in any case: they may have been trusted in between only.
        """
        trust = TrustList(self._pki)
        listing = trust.listing()
        known: set[PlantProtocol] = set()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            before, listing = listing, await asyncio.to_thread(trust.listing)
            present = set(self.listener.connections if self.listener is not None else ())
            for connection in present - known if listing == before else present:
                connection.processor.check_trust()
                await asyncio.sleep(0)
            known = present

    def _why_refused(self, user: PlantUser) -> str:
        """Return why a user who has logged in could not do so now, as when a certificate has ended meanwhile.

        OPC 10000-4 v1.05 §7.40.5 would leave such a session to Anonymous; whoever worked as somebody is told instead.
        """
        if not self._users.still_allowed(user):
            return "the users file has changed"
        try:
            if user.certificates:
                self._user_trust.check(user.certificates)
        except CertificateRefused as refused:
            return str(refused)
        return ""

    def longest_queue(self) -> int:
        """Return how many notifications wait for the slowest reader of any one item, of those that are connected."""
        if self.sessions is None or self._engine is None:
            return 0
        present = {key for each in self.sessions if each.connection is not None for key in each.subscriptions}
        return self._engine.longest_queue(present)

    async def start(self) -> None:
        """Run, and tell it."""
        await super().start()
        if self.status is not None:
            show_status(self.aspace, self.status)

    def tell_shutdown(self, seconds: float) -> None:
        """Tell who monitors the status that the server ends in so many seconds."""
        if self.status is not None:
            self.status.shut_down(seconds, "The server was told to end")

    async def stop(self) -> None:
        """End connections and sessions."""
        if self.listener is not None:
            await self.listener.stop()
        for session in self.sessions or ():
            session.close(delete_subscriptions=True)
        if self._history_updates is not None:
            await self._history_updates.finish()
        if self.publisher is not None:
            self.publisher.stop()
        await super().stop()

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        """Load namespace 0."""
        del shelf_file
        standard_nodes.load(self.aspace, self._cache)

    def _new_channel_id(self) -> int:
        self._last_channel = self._last_channel % 0xFFFF_FFFF + 1
        return self._last_channel


async def make_server(
    settings: ServerSettings, users: Users, identities: ServerIdentities, reactors: tuple[str, ...], data: Path
) -> PlantServer:
    """Return the server, its address space built, not yet listening."""
    limits = ServerLimits.of(settings.limits, settings.scan_s * 1000.0)
    logging.getLogger("asyncua.uaprotocol").setLevel(logging.CRITICAL)  # what strangers err in, we say in few lines
    lengths.check()
    decoding.limit(limits)
    enumerations.admit_unknown()
    endpoints = Endpoints(
        settings.endpoint,
        application_uri(),
        identities,
        with_none=settings.has_policy_none,
        with_anonymous=bool(users.anonymous),
    )
    internal = PlantServer(
        data / "server" / "cache", limits, endpoints, users, data / "pki", on_loopback=settings.on_loopback
    )
    server = Server(iserver=internal)
    server._application_uri = endpoints.application_uri
    server.product_uri = "urn:cstr-gateway"
    server.name = server.manufacturer_name = "cstr-gateway"
    await server.init()
    index = await server.register_namespace(NAMESPACE_URI)
    if index != 2:
        message = f"namespace {NAMESPACE_URI} has index {index}, not 2"
        raise RuntimeError(message)
    builder = NodeBuilder(internal.aspace, settings.scan_s * 1000.0)
    build(builder, [MODEL])
    defaults.add(builder)
    role_set.build(builder, internal.aspace)
    show_executable(internal.aspace)
    internal.diagnostic_nodes = DiagnosticNodes(internal.aspace)
    internal.aspace._nodes = internal.diagnostic_nodes  # type: ignore[assignment]
    use_template(internal.aspace, reactors)
    show(internal.aspace, internal.limits)
    installed = build_info(server.product_uri, server.name)
    show_build(internal.aspace, installed)
    show_capabilities(internal.aspace, auditing=True)
    internal.status = ServerStatus(installed)
    return internal


async def listen(server: PlantServer, settings: ServerSettings) -> None:
    """Open the port.

    Raises:
        CouldNotRun: naming a port that is in use, an address that is not here, or more connections than can be.
    """
    open_files.allow(settings.limits.connections)
    await server.start()
    assert server.listener is not None  # noqa: S101
    try:
        await server.listener.start(settings.listen, settings.port)
    except OSError as error:
        await server.stop()
        message = (
            f"OPC UA: cannot listen on {settings.listen}:{settings.port} ({error.strerror}); "
            "end what listens there, set server.port or server.listen, or use --ports auto"
        )
        raise CouldNotRun(message) from None
