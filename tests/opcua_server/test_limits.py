"""The server's limits can be read, in the types of the standard."""

from __future__ import annotations

from dataclasses import fields

import pytest
from asyncua import Client, ua

from opcua_server.limits import OperationLimits, ServerLimits, require

CAPABILITIES = ua.ObjectIds.Server_ServerCapabilities


async def test_a_client_reads_every_limit(client: Client) -> None:
    limits = ServerLimits(min_supported_sample_rate=100.0)
    capabilities = client.get_node(ua.NodeId(CAPABILITIES))
    shown = {}
    for folder in (capabilities, await capabilities.get_child("0:OperationLimits")):
        for node in await folder.get_properties():
            name = (await node.read_browse_name()).Name
            data = await node.read_data_value()
            if name.startswith(("Max", "Min")):
                assert data.Value.VariantType is await node.read_data_type_as_variant_type(), name
                shown[name] = data.Value.Value
    expected = {
        field.name.replace("_", ""): getattr(owner, field.name)
        for owner in (limits, limits.operations)
        for field in fields(owner)
        if isinstance(getattr(owner, field.name), (int, float))
    }
    assert {name.lower(): value for name, value in shown.items()} == expected


def test_no_operation_limit_is_zero_and_a_thousand_fit() -> None:
    limits = OperationLimits()
    assert min(getattr(limits, field.name) for field in fields(limits)) >= 1_000


def test_the_number_of_operations_is_checked() -> None:
    require(1, 2)
    require(2, 2)
    with pytest.raises(ua.uaerrors.BadTooManyOperations):
        require(3, 2)
    with pytest.raises(ua.uaerrors.BadNothingToDo):
        require(0, 2)
