"""Method service set: Call (OPC 10000-4 v1.05 §5.12.2).

asyncua's callbacks see no session, answer a wrong number of arguments with BadUnexpectedError, and let a Method be
called on any Object by anybody; GetMonitoredItems and ResendData (OPC 10000-5 v1.05 §9.1, §9.2) it does not have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server.access.control import AccessControl
from opcua_server.access.permissions import CALL
from opcua_server.access.rights import Rights
from opcua_server.auditing.audit import Audit
from opcua_server.commands import Commands
from opcua_server.monitoring.subscription import Subscription
from opcua_server.nodes import standard_id
from opcua_server.services.subscription import SubscriptionService
from opcua_server.session import PlantSession
from opcua_server.status import status_code
from opcua_server.wire.messages import now_ticks
from plant import quality

_SERVER = standard_id(ua.ObjectIds.Server)
_HAS_COMPONENT = standard_id(ua.ObjectIds.HasComponent)
_GET_MONITORED_ITEMS, _RESEND_DATA = (
    tuple(standard_id(getattr(ua.ObjectIds, f"{owner}_{name}")) for owner in ("Server", "ServerType"))
    for name in ("GetMonitoredItems", "ResendData")
)


class MethodService:
    """The Methods of the plant and of the Server object."""

    def __init__(
        self,
        address_space: AddressSpace,
        commands: Commands,
        subscriptions: SubscriptionService,
        access: AccessControl,
        audit: Audit,
    ) -> None:
        self._address_space = address_space
        self._access = access
        self._commands = commands
        self._subscriptions = subscriptions
        self._audit = audit
        self._of_server: dict[ua.NodeId, Callable[[Subscription], list[ua.Variant]]] = {
            **dict.fromkeys(_GET_MONITORED_ITEMS, _get_monitored_items),
            **dict.fromkeys(_RESEND_DATA, self._resend_data),
        }

    async def call(
        self, session: PlantSession, request: ua.CallMethodRequest, entry_id: str = ""
    ) -> ua.CallMethodResult:
        """Call, after object, permissions, number and types of the arguments were checked.

        The Methods of the Server object change nothing but what the session itself gets, and are not audited. What ends
        with its session may be half done, and is audited as such.
        """
        given = list(request.InputArguments or [])
        is_of_server = request.ObjectId == _SERVER and request.MethodId in self._of_server
        audited = partial(self._audit.called, session, object_id=request.ObjectId, method_id=request.MethodId,
                          arguments=given, began=now_ticks(), entry_id=entry_id)  # fmt: skip
        try:
            result = await self._call(session, request, given, is_of_server=is_of_server)
        except asyncio.CancelledError:
            audited(outputs=(), code=int(ua.StatusCodes.BadSessionClosed))
            raise
        if not is_of_server:
            audited(outputs=result.OutputArguments, code=result.StatusCode.value)
        return result

    async def _call(
        self, session: PlantSession, request: ua.CallMethodRequest, given: list[ua.Variant], *, is_of_server: bool
    ) -> ua.CallMethodResult:
        rights = self._access.of(session)
        if request.ObjectId not in self._address_space or not rights.sees(request.ObjectId):
            return _refused(ua.StatusCodes.BadNodeIdUnknown)
        command = self._commands.find(request.ObjectId, request.MethodId)
        is_method = is_of_server or command is not None or self._is_component(request.ObjectId, request.MethodId)
        if not is_method:
            return _refused(ua.StatusCodes.BadMethodInvalid)
        status = _permission_to_call(rights, request)
        if quality.is_bad(status):
            return _refused(status)
        if is_of_server:
            return self._call_server(session, request.MethodId, given)
        if command is None:
            return _refused(ua.StatusCodes.BadNotExecutable)
        refused = _check(given, [argument.type for argument in command.method.inputs])
        return refused or await command.run([argument.Value for argument in given])

    def _is_component(self, owner: ua.NodeId, method: ua.NodeId) -> bool:
        """Tell whether an Object has a Method, even if nothing stands behind it."""
        return any(
            reference.IsForward
            and reference.NodeId == method
            and reference.NodeClass == ua.NodeClass.Method
            and reference.ReferenceTypeId == _HAS_COMPONENT
            for reference in self._address_space[owner].references
        )

    def _call_server(self, session: PlantSession, method: ua.NodeId, given: list[ua.Variant]) -> ua.CallMethodResult:
        refused = _check(given, [ua.VariantType.UInt32])
        if refused is not None:
            return refused
        wanted = given[0].Value
        if wanted not in session.subscriptions:
            known = self._subscriptions.exists(wanted)
            return _refused(ua.StatusCodes.BadUserAccessDenied if known else ua.StatusCodes.BadSubscriptionIdInvalid)
        subscription = self._subscriptions.own(session, wanted)
        return ua.CallMethodResult(
            InputArgumentResults=[ua.StatusCode()], OutputArguments=self._of_server[method](subscription)
        )

    def _resend_data(self, subscription: Subscription) -> list[ua.Variant]:
        subscription.items.resend()
        self._subscriptions.touched(subscription)
        return []


def show_executable(address_space: AddressSpace) -> None:
    """Tell of the standard Methods that nothing stands behind that they cannot be called."""
    for node_id, node in address_space._nodes.items():
        executable = node.attributes.get(ua.AttributeIds.Executable)
        if executable is not None and node_id.NamespaceIndex == 0:
            can_be_called = node_id in (*_GET_MONITORED_ITEMS, *_RESEND_DATA)
            executable.value = ua.DataValue(ua.Variant(can_be_called, ua.VariantType.Boolean))


def _get_monitored_items(subscription: Subscription) -> list[ua.Variant]:
    items = list(subscription.items)
    return [
        ua.Variant([ua.UInt32(item.id) for item in items], ua.VariantType.UInt32, is_array=True),
        ua.Variant([ua.UInt32(item.spec.handle) for item in items], ua.VariantType.UInt32, is_array=True),
    ]


def _permission_to_call(rights: Rights, request: ua.CallMethodRequest) -> int:
    """Return Good, or why the session may not call: it needs the permission on the Object and on the Method."""
    for node in (request.ObjectId, request.MethodId):
        status = rights.status(node, CALL)
        if status == quality.BAD_NODE_ID_UNKNOWN:  # a Method that is not shown
            return quality.BAD_USER_ACCESS_DENIED
        if quality.is_bad(status):
            return status
    return quality.GOOD


def _check(given: list[ua.Variant], wanted: list[ua.VariantType]) -> ua.CallMethodResult | None:
    """Return the refusal of arguments that are not as wanted."""
    if len(given) != len(wanted):
        missing = len(given) < len(wanted)
        return _refused(ua.StatusCodes.BadArgumentsMissing if missing else ua.StatusCodes.BadTooManyArguments)
    wrong = [
        argument.VariantType is not kind or argument.is_array or argument.Value is None
        for argument, kind in zip(given, wanted, strict=True)
    ]
    if not any(wrong):
        return None
    codes = [ua.StatusCodes.BadTypeMismatch if bad else ua.StatusCodes.Good for bad in wrong]
    return _refused(ua.StatusCodes.BadInvalidArgument, codes)


def _refused(code: int, arguments: list[int] | None = None) -> ua.CallMethodResult:
    return ua.CallMethodResult(
        StatusCode=status_code(code),
        InputArgumentResults=[status_code(argument) for argument in arguments or []],
    )
