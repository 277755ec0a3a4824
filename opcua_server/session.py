"""A client's session: what it may write and call, item by item, with the Bad codes of plant.md.

asyncua's setters and method callbacks see no session and cannot refuse (docs/asyncua.md), so the rules stand here.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from opcua_server import ownership
from opcua_server.commands import Commands
from opcua_server.limits import ServerLimits
from opcua_server.services.continuation import ContinuationPoints
from opcua_server.services.view import BrowsePoints, ViewService
from opcua_server.simulator import Simulator
from opcua_server.tags import Tag
from plant import quality
from plant.signals import Writer
from runtime.opcua_link.filetime import ticks_of


@dataclass
class PlantUser(User):
    """A user with the roles of OPC 10000-18."""

    roles: frozenset[str] = frozenset()


NOBODY = PlantUser(role=UserRole.Anonymous)


class PlantSession(InternalSession):
    """One client's session."""

    def __init__(
        self,
        server: InternalServer,
        simulator: Simulator,
        commands: Commands,
        views: ViewService,
        limits: ServerLimits,
        name: str,
    ) -> None:
        super().__init__(server, server.aspace, server.subscription_service, name, user=NOBODY, external=True)
        self._simulator = simulator
        self._commands = commands
        self._views = views
        self._browsing: BrowsePoints = ContinuationPoints(limits.max_browse_continuation_points)
        server.unregister_external_session(self)
        self.is_connected = True
        """False while the client's connection is gone and the session waits for it to come back."""
        self.auth_token = ua.NodeId(ua.ByteString(secrets.token_bytes(32)), ua.Int16(0))
        server.register_external_session(self)

    @property
    def roles(self) -> frozenset[str]:
        """Roles of the user who is logged in now."""
        return self.user.roles if isinstance(self.user, PlantUser) else frozenset()

    async def close_session(self, delete_subs: bool = True) -> None:
        """End the session."""
        self.release_loops()
        await super().close_session(delete_subs)

    def activate_session(self, params: Any, peer_certificate: Any) -> Any:
        """Begin, or go on over a new connection."""
        result = super().activate_session(params, peer_certificate)
        self.is_connected = True
        return result

    def disconnected(self) -> None:
        """Take note that the connection is gone; the loops are free at once."""
        self.is_connected = False
        self.release_loops()

    def release_loops(self) -> None:
        """Hold no loop any longer."""
        for loop in self._simulator.loops:
            loop.release(self)

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """Browse node by node."""
        return self._views.browse(params, self._browsing)

    async def browse_next(self, parameters: ua.BrowseNextParameters) -> list[ua.BrowseResult]:
        """Go on where Browse stopped."""
        return self._views.browse_next(parameters, self._browsing)

    async def translate_browsepaths_to_nodeids(self, params: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Follow browse paths."""
        return self._views.translate(params)

    async def register_nodes(self, nodes: list[ua.NodeId]) -> list[ua.NodeId]:
        """Take note that nodes will be used often."""
        return self._views.register(nodes)

    async def unregister_nodes(self, nodes: list[ua.NodeId]) -> None:
        """Take note that they no longer will."""
        self._views.unregister(nodes)

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        """Write item by item; a heartbeat in the call counts before the rest, so that one call can claim a loop."""
        items = list(params.NodesToWrite)
        if not items:
            raise ua.uaerrors.BadNothingToDo
        order = sorted(range(len(items)), key=lambda place: not self._is_heartbeat(items[place]))
        results = [ua.StatusCode()] * len(items)
        for place in order:
            results[place] = ua.StatusCode(ua.UInt32(await self._write_item(items[place])))
        self._commands.note_demands()
        return results

    def _is_heartbeat(self, item: ua.WriteValue) -> bool:
        tag = self._simulator.tags.by_node(item.NodeId)
        return tag is not None and tag.signal.writer is Writer.HEARTBEAT

    async def _write_item(self, item: ua.WriteValue) -> int:
        tag = self._simulator.tags.by_node(item.NodeId)
        if tag is None:
            return quality.BAD_NOT_WRITABLE if item.NodeId in self.aspace else quality.BAD_NODE_ID_UNKNOWN
        if item.AttributeId != ua.AttributeIds.Value or tag.signal.writer is Writer.NOBODY:
            return quality.BAD_NOT_WRITABLE
        if not self.roles & ownership.MAY_WRITE[tag.signal.writer]:
            return quality.BAD_USER_ACCESS_DENIED
        status, value = _checked(tag, item)
        if quality.is_bad(status):
            return status
        simulator = self._simulator
        index = simulator.index_of(tag.name)
        loop = simulator.loops[index] if index is not None else None
        mode = simulator.mode_of(index) if index is not None else ownership.MAN
        status = ownership.refusal(tag.signal.writer, value, self, self.roles, loop, mode, simulator.now)
        if not quality.is_bad(status):
            await simulator.write(tag, value, self)
        return status

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Call item by item, after object, role, number and types of the arguments were checked."""
        return [await self._call_item(request) for request in params]

    async def _call_item(self, request: ua.CallMethodRequest) -> ua.CallMethodResult:
        if request.ObjectId not in self.aspace:
            return _refused(ua.StatusCodes.BadNodeIdUnknown)
        command = self._commands.find(request.ObjectId, request.MethodId)
        if command is None:
            return _refused(ua.StatusCodes.BadMethodInvalid)
        if not self.roles & ownership.ENGINEERS:
            return _refused(ua.StatusCodes.BadUserAccessDenied)
        given = list(request.InputArguments or [])
        if len(given) != len(command.method.inputs):
            missing = len(given) < len(command.method.inputs)
            return _refused(ua.StatusCodes.BadArgumentsMissing if missing else ua.StatusCodes.BadTooManyArguments)
        wrong = [
            argument.VariantType is not wanted.type or argument.is_array or argument.Value is None
            for argument, wanted in zip(given, command.method.inputs, strict=True)
        ]
        if any(wrong):
            codes = [ua.StatusCodes.BadTypeMismatch if bad else ua.StatusCodes.Good for bad in wrong]
            return _refused(ua.StatusCodes.BadInvalidArgument, codes)
        return await command.run([argument.Value for argument in given])


def _checked(tag: Tag, item: ua.WriteValue) -> tuple[int, Any]:
    """Return (status, the plain value); a SourceTimestamp is accepted and replaced by plant time."""
    data = item.Value
    if item.IndexRange:
        return ua.StatusCodes.BadIndexRangeInvalid, None
    if data.StatusCode is not None and data.StatusCode.value != quality.GOOD:
        return quality.BAD_WRITE_NOT_SUPPORTED, None
    variant = data.Value
    if variant is None or variant.VariantType is not tag.vtype or variant.is_array or variant.Value is None:
        return quality.BAD_TYPE_MISMATCH, None
    value = ticks_of(variant.Value) if tag.vtype is ua.VariantType.DateTime else variant.Value
    if isinstance(value, float) and not math.isfinite(value):
        return quality.BAD_OUT_OF_RANGE, None
    limits = tag.signal.limits
    if limits is not None and not limits[0] <= value <= limits[1]:
        return quality.BAD_OUT_OF_RANGE, None
    return quality.GOOD, value


def _refused(code: int, arguments: list[int] | None = None) -> ua.CallMethodResult:
    return ua.CallMethodResult(
        StatusCode=ua.StatusCode(ua.UInt32(code)),
        InputArgumentResults=[ua.StatusCode(ua.UInt32(argument)) for argument in arguments or []],
    )
