"""Finds the Variables below the Plant object, and what they are."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from plant import quality
from plant.names import PLANT
from runtime.opcua_link.builtin import WIDEST
from runtime.opcua_link.data_types import builtin_types, present_type
from runtime.opcua_link.datavalues import plain, status_of
from runtime.opcua_link.nodes import OnMissing
from runtime.opcua_link.session import Session
from runtime.opcua_link.values import VariableInfo

SCALARS = (ua.ValueRank.Scalar, ua.ValueRank.Any, ua.ValueRank.ScalarOrOneDimension)


async def variables(session: Session) -> list[VariableInfo]:
    """Browse level by level, reactor by reactor."""
    names: list[str] = []
    todo = [session.node_id(PLANT)]
    while todo:
        children = await session.browse(todo, ua.ObjectIds.HasComponent)
        todo = []
        for reference in itertools.chain(*children):
            if reference.NodeClass == ua.NodeClass.Variable:
                names.append(str(reference.NodeId.Identifier))
            elif reference.NodeClass == ua.NodeClass.Object:
                todo.append(reference.NodeId)
    types = await builtin_types(session, await session.read(names, ua.AttributeIds.DataType))
    historizing = await session.read(names, ua.AttributeIds.Historizing)
    units = await session.read([f"{name}.EngineeringUnits" for name in names], ua.AttributeIds.Value)
    return [
        VariableInfo(name, kind, _symbol(unit), bool(plain(recorded)))
        for name, kind, recorded, unit in zip(names, types, historizing, units, strict=True)
    ]


async def listed_variables(session: Session, names: Sequence[str], on_missing: OnMissing) -> list[VariableInfo]:
    """Return what listed nodes are, without those that cannot be read, or are no single value.

    Where the DataType leaves open which built-in type it is, it is the widest of the present value's kind; 0 without.
    """
    data_types = await session.read(names, ua.AttributeIds.DataType)
    kinds = await builtin_types(session, data_types)
    ranks = await session.read(names, ua.AttributeIds.ValueRank)
    values = await session.read(names, ua.AttributeIds.Value)
    levels = await session.read(names, ua.AttributeIds.AccessLevel)
    infos = []
    for name, data_type, kind, rank, value, level in zip(names, data_types, kinds, ranks, values, levels, strict=True):
        where = f"{name} ({session.node_id(name).to_string()})"
        if quality.is_bad(status := status_of(data_type)):
            on_missing(name, f"{where}: {quality.name_of(status)}")
            continue
        if plain(rank) not in SCALARS:
            on_missing(name, f"{where}: is an array; allowed are single values")
            continue
        historizing = bool(int(plain(level) or 0) & ua.AccessLevel.HistoryRead.mask)
        infos.append(VariableInfo(name, kind or int(WIDEST[present_type(value)]), "", historizing))
    return infos


def _symbol(data: ua.DataValue) -> str:
    value: Any = data.Value.Value if data.Value is not None else None
    return (value.DisplayName.Text or "") if isinstance(value, ua.EUInformation) else ""
