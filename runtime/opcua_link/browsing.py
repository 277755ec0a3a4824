"""Finds the Variables below the Plant object, and what they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from plant import quality
from plant.names import PLANT
from runtime.opcua_link.data_types import builtin_type, present_type
from runtime.opcua_link.datavalues import plain, status_of
from runtime.opcua_link.nodes import OnMissing
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import VariableInfo

SCALARS = (ua.ValueRank.Scalar, ua.ValueRank.Any, ua.ValueRank.ScalarOrOneDimension)


async def variables(session: Session) -> list[VariableInfo]:
    """Browse level by level, reactor by reactor."""
    names: list[str] = []
    todo = deque([session.node_id(PLANT)])
    while todo:
        level = [todo.popleft() for _ in range(min(len(todo), session.limits.browse))]
        for reference in await _children(session, level):
            if reference.NodeClass == ua.NodeClass.Variable:
                names.append(str(reference.NodeId.Identifier))
            elif reference.NodeClass == ua.NodeClass.Object:
                todo.append(reference.NodeId)
    types = await session.read(names, ua.AttributeIds.DataType)
    historizing = await session.read(names, ua.AttributeIds.Historizing)
    units = await session.read([f"{name}.EngineeringUnits" for name in names], ua.AttributeIds.Value)
    return [
        VariableInfo(name, builtin_type(data_type), _symbol(unit), bool(plain(recorded)))
        for name, data_type, recorded, unit in zip(names, types, historizing, units, strict=True)
    ]


async def listed_variables(session: Session, names: Sequence[str], on_missing: OnMissing) -> list[VariableInfo]:
    """Return what listed nodes are, without those that cannot be read, or are no single value.

    A type that is none of the built-in ones is that of the present value.
    """
    types = await session.read(names, ua.AttributeIds.DataType)
    ranks = await session.read(names, ua.AttributeIds.ValueRank)
    values = await session.read(names, ua.AttributeIds.Value)
    levels = await session.read(names, ua.AttributeIds.AccessLevel)
    infos = []
    for name, data_type, rank, value, level in zip(names, types, ranks, values, levels, strict=True):
        where = f"{name} ({session.node_id(name).to_string()})"
        if quality.is_bad(status := status_of(data_type)):
            on_missing(name, f"{where}: {quality.name_of(status)}")
            continue
        if plain(rank) not in SCALARS:
            on_missing(name, f"{where}: is an array; allowed are single values")
            continue
        kind = builtin_type(data_type) or present_type(value)
        infos.append(VariableInfo(name, kind, "", bool(int(plain(level) or 0) & ua.AccessLevel.HistoryRead.mask)))
    return infos


async def _children(session: Session, nodes: Sequence[ua.NodeId]) -> list[ua.ReferenceDescription]:
    params = ua.BrowseParameters(
        NodesToBrowse=[
            ua.BrowseDescription(
                NodeId=node,
                BrowseDirection=ua.BrowseDirection.Forward,
                ReferenceTypeId=ua.NodeId(ua.Int32(ua.ObjectIds.HasComponent)),
                IncludeSubtypes=True,
                NodeClassMask=ua.UInt32(0),
                ResultMask=ua.UInt32(ua.BrowseResultMask.All),
            )
            for node in nodes
        ]
    )
    results = await session.answer(session.services.browse(params))
    return [reference for result in results for reference in result.References]


def _symbol(data: ua.DataValue) -> str:
    value: Any = data.Value.Value if data.Value is not None else None
    return (value.DisplayName.Text or "") if isinstance(value, ua.EUInformation) else ""
