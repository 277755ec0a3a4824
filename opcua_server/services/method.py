"""Method service set: Call (OPC 10000-4 v1.05 §5.12.2).

asyncua's callbacks see no session, answer a wrong number of arguments with BadUnexpectedError, and let a Method be
called on any Object; GetMonitoredItems and ResendData (OPC 10000-5 v1.05 §9.1, §9.2) it does not have.
"""

from __future__ import annotations

from collections.abc import Callable

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from opcua_server import ownership
from opcua_server.auditing.audit import Audit
from opcua_server.commands import Commands
from opcua_server.monitoring.subscription import Subscription
from opcua_server.nodes import standard_id
from opcua_server.services.subscription import SubscriptionService
from opcua_server.session import PlantSession
from opcua_server.status import status_code
from opcua_server.wire.messages import now_ticks

_SERVER = standard_id(ua.ObjectIds.Server)


class MethodService:
    """The Methods of the plant and of the Server object."""

    def __init__(
        self, address_space: AddressSpace, commands: Commands, subscriptions: SubscriptionService, audit: Audit
    ) -> None:
        self._address_space = address_space
        self._commands = commands
        self._subscriptions = subscriptions
        self._audit = audit
        self._of_server: dict[ua.NodeId, Callable[[Subscription], list[ua.Variant]]] = {}
        for name, action in (("GetMonitoredItems", _get_monitored_items), ("ResendData", self._resend_data)):
            for owner in ("Server", "ServerType"):
                self._of_server[standard_id(getattr(ua.ObjectIds, f"{owner}_{name}"))] = action

    async def call(
        self, session: PlantSession, request: ua.CallMethodRequest, entry_id: str = ""
    ) -> ua.CallMethodResult:
        """Call, after object, role, number and types of the arguments were checked.

        The Methods of the Server object change nothing but what the session itself gets, and are not audited.
        """
        given = list(request.InputArguments or [])
        if request.ObjectId == _SERVER and request.MethodId in self._of_server:
            return self._call_server(session, request.MethodId, given)
        began = now_ticks()
        result = await self._call(session, request, given)
        self._audit.called(
            session,
            object_id=request.ObjectId,
            method_id=request.MethodId,
            arguments=given,
            outputs=result.OutputArguments,
            code=result.StatusCode.value,
            began=began,
            entry_id=entry_id,
        )
        return result

    async def _call(
        self, session: PlantSession, request: ua.CallMethodRequest, given: list[ua.Variant]
    ) -> ua.CallMethodResult:
        if request.ObjectId not in self._address_space:
            return _refused(ua.StatusCodes.BadNodeIdUnknown)
        command = self._commands.find(request.ObjectId, request.MethodId)
        if command is None:
            return _refused(ua.StatusCodes.BadMethodInvalid)
        if not session.roles & ownership.ENGINEERS:
            return _refused(ua.StatusCodes.BadUserAccessDenied)
        refused = _check(given, [argument.type for argument in command.method.inputs])
        return refused or await command.run([argument.Value for argument in given])

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


def _get_monitored_items(subscription: Subscription) -> list[ua.Variant]:
    items = list(subscription.items)
    return [
        ua.Variant([ua.UInt32(item.id) for item in items], ua.VariantType.UInt32, is_array=True),
        ua.Variant([ua.UInt32(item.spec.handle) for item in items], ua.VariantType.UInt32, is_array=True),
    ]


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
