"""Which service answers which request of a session."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from opcua_server.access.control import AccessControl
from opcua_server.access.rights import Rights
from opcua_server.auditing.audit import Audit
from opcua_server.diagnostics.counts import ServerCounts
from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.publish_queue import UNLIMITED, PublishRequest
from opcua_server.monitoring.subscription import Subscription
from opcua_server.operation_counts import require_few
from opcua_server.request import Connection, Request
from opcua_server.services.attribute import AttributeService
from opcua_server.services.attribute_history_update import HistoryUpdateService
from opcua_server.services.attribute_write import WriteService
from opcua_server.services.method import MethodService
from opcua_server.services.monitored_item import MonitoredItemService
from opcua_server.services.subscription import SubscriptionService
from opcua_server.services.view import ViewService
from opcua_server.session import PlantSession
from opcua_server.wire.messages import array, array_of, codes, fault
from opcua_server.wire.requests import MALFORMED, Malformed, request_header, unsigned
from plant.signals import Writer

T = TypeVar("T")
_READ_BY_HAND: dict[int, type[Any]] = {
    ua.ObjectIds.ReadRequest_Encoding_DefaultBinary: ua.ReadParameters,
    ua.ObjectIds.WriteRequest_Encoding_DefaultBinary: ua.WriteParameters,
    ua.ObjectIds.PublishRequest_Encoding_DefaultBinary: ua.PublishParameters,
    ua.ObjectIds.CancelRequest_Encoding_DefaultBinary: ua.CancelParameters,
}
"""Requests whose parameters a handler reads without the library's codec."""
MALFORMED_REQUEST = (*MALFORMED, ua.UaError, RecursionError)


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
        history_updates: HistoryUpdateService,
        access: AccessControl,
        sessionless: Container[int],
        audit: Audit,
        limits: ServerLimits,
        counts: ServerCounts,
    ) -> None:
        self._attributes = attributes
        self._writes = writes
        self._views = views
        self._methods = methods
        self._items = items
        self._subscriptions = subscriptions
        self._history = history
        self._history_updates = history_updates
        self._access = access
        self._sessionless = sessionless
        self._turns = asyncio.Lock()
        self._audit = audit
        self._limits = limits.operations
        self._counts = counts
        self._message_bytes = limits.settings.message_bytes
        ids = ua.ObjectIds
        self._handlers: dict[int, Callable[[Request], bytes | None]] = {
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
            ids.HistoryUpdateRequest_Encoding_DefaultBinary: self._history_update,
        }

    def serve(self, connection: Connection, request_id: int, body: bytes, at: int) -> bool:
        """Answer a request, now or later; False when it needs no active session.

        Raises:
            ua.UaError, struct.error, ValueError, IndexError: when not even its header can be read.
        """
        header = request_header(body, at)
        handler = self._handlers.get(header.type_number)
        if handler is None and header.type_number in self._sessionless:
            return False
        session = connection.session_of(header.token)
        if session is None:
            code = ua.StatusCodes.BadSessionIdInvalid if handler is not None else ua.StatusCodes.BadServiceUnsupported
            self._counts.reject(header.type_number, code)
            connection.send(fault(header.handle, code), request_id)
            return True
        request = Request(connection, session, header, request_id, body, self._turns)
        session.counts.requests[header.type_number] += 1
        if handler is None:
            request.fail(ua.StatusCodes.BadServiceUnsupported)
            return True
        if not session.is_activated():
            request.fail(ua.StatusCodes.BadSessionNotActivated)
            session.close(delete_subscriptions=True)  # as §5.7.3.1 wants it
            return True
        session.touch()
        try:
            require_few(header, body, self._limits)
            payload = handler(request)
        except MALFORMED_REQUEST as error:
            self._refuse(request, error)
        except Exception as error:  # noqa: BLE001 - told to the log
            request.fail_by(error)
        else:
            if payload is not None:
                request.answer(payload)
        return True

    def reassess(self, session: PlantSession) -> None:
        """Go on by the session's present user and channel (OPC 10000-2 v1.05 §6.20), once it is activated by these."""
        rights = self._access.of(session)
        if rights is session.rights:
            return
        session.rights = rights
        session.browsing.clear()
        if Writer.HOLDER not in rights.writers:
            self._writes.release_loops(session)
        self._reassess_items(session, session.subscriptions)

    def _reassess_items(self, session: PlantSession, ids: Iterable[int]) -> None:
        for subscription in [session.subscriptions[each] for each in ids if each in session.subscriptions]:
            self._items.reassess(self._access.of(session), subscription)
            self._subscriptions.touched(subscription)

    def _rights(self, request: Request) -> Rights:
        return self._access.of(request.session)

    def _refuse(self, request: Request, error: Exception) -> None:
        """Answer a request that raised what malformed bytes raise; where these are well-formed, the fault is ours."""
        if isinstance(error, Malformed):
            request.fail(ua.StatusCodes.BadDecodingError)
            return
        kind = _READ_BY_HAND.get(request.header.type_number)
        if kind is None or isinstance(error, ua.uaerrors.UaStatusCodeError):
            request.fail_by(error)
            return
        try:
            request.parameters(kind)
        except ua.uaerrors.BadDecodingError:
            request.fail(ua.StatusCodes.BadDecodingError)
        else:
            request.fail_by(error)

    def _read(self, request: Request) -> bytes | None:
        results = self._attributes.read(self._rights(request), request.body, request.header.end)
        return request.answer_in_turns(results, b"".join)

    def _write(self, request: Request) -> bytes:
        header = request.header
        return codes(self._writes.write(request.session, request.body, header.end, header.audit_entry_id))

    def _publish(self, request: Request) -> None:
        header = request.header

        def make(results: Sequence[int]) -> PublishRequest:
            return PublishRequest(
                handle=header.handle,
                expires=time.monotonic() + header.timeout_ms / 1000.0 if header.timeout_ms else UNLIMITED,
                results=results,
                send=request.send,
                fail=request.fail,
                is_congested=request.connection.is_congested,
                most_bytes=request.most_bytes,
            )

        self._subscriptions.publish(request.session, request.body, header.end, make)

    def _republish(self, request: Request) -> bytes:
        return self._subscriptions.republish(request.session, request.parameters(ua.RepublishParameters))

    def _create_subscription(self, request: Request) -> bytes:
        params = request.parameters(ua.CreateSubscriptionParameters)
        return struct_to_binary(self._subscriptions.create(request.session, params))

    def _modify_subscription(self, request: Request) -> bytes:
        params = request.parameters(ua.ModifySubscriptionParameters)
        return struct_to_binary(self._subscriptions.modify(request.session, params))

    def _set_publishing_mode(self, request: Request) -> bytes:
        params = request.parameters(ua.SetPublishingModeParameters)
        return codes(
            self._subscriptions.set_publishing_mode(
                request.session, params.SubscriptionIds or (), enabled=params.PublishingEnabled
            )
        )

    def _transfer(self, request: Request) -> bytes:
        params = request.parameters(ua.TransferSubscriptionsParameters)
        ids = params.SubscriptionIds or ()
        results = self._subscriptions.transfer(request.session, ids, send_initial=params.SendInitialValues)
        told = {number: result.StatusCode.value for number, result in zip(ids, results, strict=True)}
        self._audit.transferred(request.session, told, entry_id=request.header.audit_entry_id)
        self._reassess_items(request.session, ids)
        return _structures(results)

    def _delete_subscriptions(self, request: Request) -> bytes:
        params = request.parameters(ua.DeleteSubscriptionsParameters)
        return codes(self._subscriptions.delete(request.session, params.SubscriptionIds or ()))

    def _create_items(self, request: Request) -> bytes:
        create = partial(self._items.create, self._rights(request))
        return _structures(self._of_items(request, ua.CreateMonitoredItemsParameters, create))

    def _modify_items(self, request: Request) -> bytes:
        return _structures(self._of_items(request, ua.ModifyMonitoredItemsParameters, self._items.modify))

    def _set_monitoring_mode(self, request: Request) -> bytes:
        return codes(self._of_items(request, ua.SetMonitoringModeParameters, self._items.set_mode))

    def _set_triggering(self, request: Request) -> bytes:
        added, removed = self._of_items(request, ua.SetTriggeringParameters, self._items.set_triggering)
        return codes(added) + codes(removed)

    def _delete_items(self, request: Request) -> bytes:
        return codes(self._of_items(request, ua.DeleteMonitoredItemsParameters, self._items.delete))

    def _of_items(self, request: Request, kind: type[Any], serve: Callable[[Subscription, Any], T]) -> T:
        """Serve a request about the items of one subscription of the session."""
        params = request.parameters(kind)
        subscription = self._subscriptions.own(request.session, params.SubscriptionId)
        results = serve(subscription, params)
        self._subscriptions.touched(subscription)
        return results

    def _browse(self, request: Request) -> bytes | None:
        params = request.parameters(ua.BrowseParameters)
        return request.answer_in_turns(
            map(struct_to_binary, self._views.browse(self._rights(request), params, request.session.browsing))
        )

    def _browse_next(self, request: Request) -> bytes | None:
        params = request.parameters(ua.BrowseNextParameters)
        return request.answer_in_turns(map(struct_to_binary, self._views.browse_next(params, request.session.browsing)))

    def _translate(self, request: Request) -> bytes | None:
        paths = request.parameters(ua.TranslateBrowsePathsToNodeIdsParameters).BrowsePaths
        return request.answer_in_turns(map(struct_to_binary, self._views.translate(self._rights(request), paths)))

    def _register(self, request: Request) -> bytes:
        nodes = self._views.register(request.parameters(ua.RegisterNodesParameters).NodesToRegister)
        return struct_to_binary(ua.RegisterNodesResult(nodes))

    def _unregister(self, request: Request) -> bytes:
        self._views.unregister(request.parameters(ua.UnregisterNodesParameters).NodesToUnregister)
        return b""

    def _cancel(self, request: Request) -> bytes:
        handle, header = unsigned(request.body, request.header.end), request.header
        count = request.session.queue.cancel(handle)
        self._audit.cancelled(request.session, request_handle=handle, count=count, entry_id=header.audit_entry_id)
        return struct.pack("<I", count)

    def _call(self, request: Request) -> None:
        methods = request.parameters(ua.CallParameters).MethodsToCall
        require(len(methods), self._limits.max_nodes_per_method_call)

        async def call() -> bytes:
            parts: list[bytes] = []
            size = 0
            for method in methods:
                result = await self._methods.call(request.session, method, request.header.audit_entry_id)
                parts.append(struct_to_binary(result))
                size += len(parts[-1])
                if size > self._message_bytes:
                    raise ua.uaerrors.BadResponseTooLarge
                await asyncio.sleep(0)
            return array(parts)

        request.answer_later(call)

    def _history_read(self, request: Request) -> None:
        params = request.parameters(ua.HistoryReadParameters)
        are_events = isinstance(params.HistoryReadDetails, ua.ReadEventDetails)
        limits = self._limits
        most = limits.max_nodes_per_history_read_events if are_events else limits.max_nodes_per_history_read_data
        require(len(params.NodesToRead), most)
        rights, seals, most_bytes = self._rights(request), request.session.history_points, request.most_bytes
        timeout_ms = request.header.timeout_ms

        async def read() -> bytes:
            try:
                async with asyncio.timeout(timeout_ms / 1000 if timeout_ms else None):
                    parts = await self._history.read(rights, params, seals, most_bytes)
            except TimeoutError:
                raise ua.uaerrors.BadTimeout from None
            return array_of(len(params.NodesToRead), parts)

        request.answer_later(read)

    def _history_update(self, request: Request) -> None:
        details = request.parameters(ua.HistoryUpdateParameters).HistoryUpdateDetails or ()
        require(len(details), self._limits.max_nodes_per_history_update_data)
        session, rights, entry_id = request.session, self._rights(request), request.header.audit_entry_id

        async def update() -> bytes:
            return array(await self._history_updates.update(session, rights, details, entry_id))

        request.answer_later(update)


def _structures(results: Sequence[Any]) -> bytes:
    return array([struct_to_binary(result) for result in results])
