"""Which service answers which request of a session; what is not named here the library answers."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.publish_queue import UNLIMITED, PublishRequest
from opcua_server.monitoring.subscription import Subscription
from opcua_server.services.attribute import AttributeService
from opcua_server.services.method import MethodService
from opcua_server.services.monitored_item import MonitoredItemService
from opcua_server.services.subscription import SubscriptionService
from opcua_server.services.view import ViewService
from opcua_server.services.writing import WriteService
from opcua_server.session import PlantSession
from opcua_server.wire.messages import NULL_ARRAY, fault, numbers, response
from opcua_server.wire.requests import MALFORMED, RequestHeader, request_header, unsigned

log = logging.getLogger("server")

T = TypeVar("T")
_TO_RESPONSE = 3
"""A response's encoding is numbered so much higher than its request's."""
_OF_LIBRARY = frozenset(
    getattr(ua.ObjectIds, f"{name}Request_Encoding_DefaultBinary")
    for name in (
        "FindServers",
        "GetEndpoints",
        "CreateSession",
        "ActivateSession",
        "CloseSession",
        "CloseSecureChannel",
    )
)
"""Requests that the library answers: those that need no session, and those that begin and end one."""
MALFORMED_REQUEST = (*MALFORMED, ua.UaError, RecursionError)


class Connection(Protocol):
    """One client's connection."""

    def session_of(self, token: bytes) -> PlantSession | None:
        """Return the session of an AuthenticationToken, if it is one of this connection."""

    def send(self, body: bytes, request_id: int) -> None:
        """Send a response."""

    def is_congested(self) -> bool:
        """Tell whether the client does not read what it was sent."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a request be answered later."""


class _Request:
    __slots__ = ("body", "connection", "header", "request_id", "session")

    def __init__(
        self, connection: Connection, session: PlantSession, header: RequestHeader, request_id: int, body: bytes
    ) -> None:
        self.connection = connection
        self.session = session
        self.header = header
        self.request_id = request_id
        self.body = body

    def parameters(self, kind: type[T]) -> T:
        """Decode what follows the header.

        Raises:
            ua.uaerrors.BadDecodingError: when it cannot be decoded, for whatever reason the codec finds.
        """
        try:
            return struct_from_binary(kind, Buffer(self.body, self.header.end))
        except Exception as error:
            raise ua.uaerrors.BadDecodingError from error

    def answer(self, payload: bytes) -> None:
        """Send the response."""
        type_number = self.header.type_number + _TO_RESPONSE
        self.connection.send(response(type_number, self.header.handle) + payload, self.request_id)

    def fail(self, code: int) -> None:
        """Send a ServiceFault."""
        self.connection.send(fault(self.header.handle, code), self.request_id)


class Dispatcher:
    """All services, by the number of the request's encoding."""

    def __init__(
        self,
        attributes: AttributeService,
        writes: WriteService,
        views: ViewService,
        methods: MethodService,
        items: MonitoredItemService,
        subscriptions: SubscriptionService,
        history: Any,
        limits: ServerLimits,
    ) -> None:
        self._attributes = attributes
        self._writes = writes
        self._views = views
        self._methods = methods
        self._items = items
        self._subscriptions = subscriptions
        self._history = history
        self._limits = limits.operations
        ids = ua.ObjectIds
        self._handlers: dict[int, Callable[[_Request], bytes | None]] = {
            ids.ReadRequest_Encoding_DefaultBinary: self._read,
            ids.WriteRequest_Encoding_DefaultBinary: self._write,
            ids.PublishRequest_Encoding_DefaultBinary: self._publish,
            ids.RepublishRequest_Encoding_DefaultBinary: self._republish,
            ids.CreateSubscriptionRequest_Encoding_DefaultBinary: self._create_subscription,
            ids.ModifySubscriptionRequest_Encoding_DefaultBinary: self._modify_subscription,
            ids.SetPublishingModeRequest_Encoding_DefaultBinary: self._set_publishing_mode,
            ids.TransferSubscriptionsRequest_Encoding_DefaultBinary: self._transfer,
            ids.DeleteSubscriptionsRequest_Encoding_DefaultBinary: self._delete_subscriptions,
            ids.CreateMonitoredItemsRequest_Encoding_DefaultBinary: self._create_items,
            ids.ModifyMonitoredItemsRequest_Encoding_DefaultBinary: self._modify_items,
            ids.SetMonitoringModeRequest_Encoding_DefaultBinary: self._set_monitoring_mode,
            ids.SetTriggeringRequest_Encoding_DefaultBinary: self._set_triggering,
            ids.DeleteMonitoredItemsRequest_Encoding_DefaultBinary: self._delete_items,
            ids.BrowseRequest_Encoding_DefaultBinary: self._browse,
            ids.BrowseNextRequest_Encoding_DefaultBinary: self._browse_next,
            ids.TranslateBrowsePathsToNodeIdsRequest_Encoding_DefaultBinary: self._translate,
            ids.RegisterNodesRequest_Encoding_DefaultBinary: self._register,
            ids.UnregisterNodesRequest_Encoding_DefaultBinary: self._unregister,
            ids.CancelRequest_Encoding_DefaultBinary: self._cancel,
            ids.CallRequest_Encoding_DefaultBinary: self._call,
            ids.HistoryReadRequest_Encoding_DefaultBinary: self._history_read,
        }

    def serve(self, connection: Connection, request_id: int, body: bytes, at: int) -> bool:
        """Answer a request, now or later; False when it is for the library to answer.

        Raises:
            ua.UaError, struct.error, ValueError, IndexError: when not even its header can be read.
        """
        header = request_header(body, at)
        handler = self._handlers.get(header.type_number)
        if handler is None and header.type_number in _OF_LIBRARY:
            return False
        session = connection.session_of(header.token)
        if session is None:
            connection.send(fault(header.handle, ua.StatusCodes.BadSessionIdInvalid), request_id)
            return True
        request = _Request(connection, session, header, request_id, body)
        if not session.is_activated():
            request.fail(ua.StatusCodes.BadSessionNotActivated)
            return True
        session.touch()
        if handler is None:
            request.fail(ua.StatusCodes.BadServiceUnsupported)
            return True
        try:
            payload = handler(request)
        except (ua.uaerrors.UaStatusCodeError, ServiceError) as error:
            request.fail(error.code)
        except MALFORMED_REQUEST:
            request.fail(ua.StatusCodes.BadDecodingError)
        except Exception:
            log.exception("a request of type %d failed", header.type_number)
            request.fail(ua.StatusCodes.BadInternalError)
        else:
            if payload is not None:
                request.answer(payload)
        return True

    def _read(self, request: _Request) -> bytes:
        return self._attributes.read(request.body, request.header.end)

    def _write(self, request: _Request) -> bytes:
        return _codes(self._writes.write(request.session, request.body, request.header.end))

    def _publish(self, request: _Request) -> None:
        header, connection = request.header, request.connection

        def make(results: Sequence[int]) -> PublishRequest:
            return PublishRequest(
                handle=header.handle,
                expires=time.monotonic() + header.timeout_ms / 1000.0 if header.timeout_ms else UNLIMITED,
                results=results,
                send=lambda body: connection.send(body, request.request_id),
                fail=request.fail,
                is_congested=connection.is_congested,
            )

        self._subscriptions.publish(request.session, request.body, header.end, make)

    def _republish(self, request: _Request) -> bytes:
        return self._subscriptions.republish(request.session, request.parameters(ua.RepublishParameters))

    def _create_subscription(self, request: _Request) -> bytes:
        params = request.parameters(ua.CreateSubscriptionParameters)
        return struct_to_binary(self._subscriptions.create(request.session, params))

    def _modify_subscription(self, request: _Request) -> bytes:
        params = request.parameters(ua.ModifySubscriptionParameters)
        return struct_to_binary(self._subscriptions.modify(request.session, params))

    def _set_publishing_mode(self, request: _Request) -> bytes:
        params = request.parameters(ua.SetPublishingModeParameters)
        return _codes(
            self._subscriptions.set_publishing_mode(
                request.session, params.SubscriptionIds or (), enabled=params.PublishingEnabled
            )
        )

    def _transfer(self, request: _Request) -> bytes:
        params = request.parameters(ua.TransferSubscriptionsParameters)
        results = self._subscriptions.transfer(
            request.session, params.SubscriptionIds or (), send_initial=params.SendInitialValues
        )
        return _results(results)

    def _delete_subscriptions(self, request: _Request) -> bytes:
        params = request.parameters(ua.DeleteSubscriptionsParameters)
        return _codes(self._subscriptions.delete(request.session, params.SubscriptionIds or ()))

    def _create_items(self, request: _Request) -> bytes:
        return _results(self._of_items(request, ua.CreateMonitoredItemsParameters, self._items.create))

    def _modify_items(self, request: _Request) -> bytes:
        return _results(self._of_items(request, ua.ModifyMonitoredItemsParameters, self._items.modify))

    def _set_monitoring_mode(self, request: _Request) -> bytes:
        return _codes(self._of_items(request, ua.SetMonitoringModeParameters, self._items.set_mode))

    def _set_triggering(self, request: _Request) -> bytes:
        added, removed = self._of_items(request, ua.SetTriggeringParameters, self._items.set_triggering)
        return _codes(added) + _codes(removed)

    def _delete_items(self, request: _Request) -> bytes:
        return _codes(self._of_items(request, ua.DeleteMonitoredItemsParameters, self._items.delete))

    def _of_items(self, request: _Request, kind: type[Any], serve: Callable[[Subscription, Any], T]) -> T:
        """Serve a request about the items of one subscription of the session."""
        params = request.parameters(kind)
        subscription = self._subscriptions.own(request.session, params.SubscriptionId)
        results = serve(subscription, params)
        self._subscriptions.touched(subscription)
        return results

    def _browse(self, request: _Request) -> bytes:
        params = request.parameters(ua.BrowseParameters)
        return _results(self._views.browse(params, request.session.browsing))

    def _browse_next(self, request: _Request) -> bytes:
        params = request.parameters(ua.BrowseNextParameters)
        return _results(self._views.browse_next(params, request.session.browsing))

    def _translate(self, request: _Request) -> bytes:
        return _results(
            self._views.translate(request.parameters(ua.TranslateBrowsePathsToNodeIdsParameters).BrowsePaths)
        )

    def _register(self, request: _Request) -> bytes:
        nodes = self._views.register(request.parameters(ua.RegisterNodesParameters).NodesToRegister)
        return struct_to_binary(ua.RegisterNodesResult(nodes))

    def _unregister(self, request: _Request) -> bytes:
        self._views.unregister(request.parameters(ua.UnregisterNodesParameters).NodesToUnregister)
        return b""

    def _cancel(self, request: _Request) -> bytes:
        """Cancel requests that wait (OPC 10000-4 v1.05 §5.7.5): only Publish requests do."""
        return struct.pack("<I", request.session.queue.cancel(unsigned(request.body, request.header.end)))

    def _call(self, request: _Request) -> None:
        methods = request.parameters(ua.CallParameters).MethodsToCall
        require(len(methods), self._limits.max_nodes_per_method_call)

        async def call() -> bytes:
            return _results([await self._methods.call(request.session, method) for method in methods])

        request.connection.spawn(_later(request, call))

    def _history_read(self, request: _Request) -> None:
        params = request.parameters(ua.HistoryReadParameters)
        require(len(params.NodesToRead), self._limits.max_nodes_per_history_read_data)

        async def read() -> bytes:
            return _results(await self._history.read_history(params))

        request.connection.spawn(_later(request, read))


async def _later(request: _Request, work: Callable[[], Awaitable[bytes]]) -> None:
    """Answer when the work is done."""
    try:
        request.answer(await work())
    except (ua.uaerrors.UaStatusCodeError, ServiceError) as error:
        request.fail(error.code)
    except Exception:
        log.exception("a request of type %d failed", request.header.type_number)
        request.fail(ua.StatusCodes.BadInternalError)


def _codes(codes: Sequence[int]) -> bytes:
    return numbers(codes) + NULL_ARRAY


def _results(results: Sequence[Any]) -> bytes:
    return b"".join((struct.pack("<i", len(results)), *map(struct_to_binary, results), NULL_ARRAY))
