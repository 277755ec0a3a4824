"""Method service set, and the Server object's own Methods (OPC 10000-4 v1.05 §5.12; OPC 10000-5 v1.05 §9.1, §9.2)."""

from __future__ import annotations

import pytest
from asyncua import ua

from .services import (
    DOUBLE,
    KC,
    SERVER,
    SP,
    STRING,
    UINT32,
    UNKNOWN,
    call_request,
    changes,
    invoke,
    monitor,
    names,
    put,
    subscribe,
    values,
)
from .wire import Session

GET_ITEMS = ua.NodeId(ua.ObjectIds.Server_GetMonitoredItems)
RESEND = ua.NodeId(ua.ObjectIds.Server_ResendData)
SIMULATION, STEP = "Plant.Simulation", "Plant.Simulation.Step"


async def test_get_monitored_items_returns_both_handles(session: Session) -> None:
    mine = (await subscribe(session)).SubscriptionId
    created = {(await monitor(session, mine, SP, handle)).MonitoredItemId: handle for handle in (11, 12, 13)}
    server_handles, client_handles = await invoke(session, SERVER, GET_ITEMS, ua.Variant(mine, UINT32))
    assert dict(zip(server_handles, client_handles, strict=True)) == created


async def test_resend_data_sends_what_is_reported_again(session: Session) -> None:
    await put(session, SP, 320.0)
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP, 1)
    await monitor(session, mine, KC, 2, mode=ua.MonitoringMode.Sampling)
    await changes(session)
    await invoke(session, SERVER, RESEND, ua.Variant(mine, UINT32))
    assert [(each.handle, each.value) for each in await changes(session)] == [(1, 320.0)]
    assert await values(session) == []


async def test_resend_data_sends_nothing_twice(session: Session) -> None:
    await put(session, SP, 320.0)
    mine = (await subscribe(session)).SubscriptionId
    await monitor(session, mine, SP)
    await changes(session)
    await put(session, SP, 321.0, 322.0)
    await invoke(session, SERVER, RESEND, ua.Variant(mine, UINT32))
    assert await values(session) == [321.0, 322.0]


@pytest.mark.parametrize("method", [GET_ITEMS, RESEND], ids=["GetMonitoredItems", "ResendData"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([ua.Variant(UNKNOWN, UINT32)], "BadSubscriptionIdInvalid"),
        ([], "BadArgumentsMissing"),
        ([ua.Variant(1, UINT32), ua.Variant(1, UINT32)], "BadTooManyArguments"),
        ([ua.Variant("1", STRING)], "BadInvalidArgument"),
    ],
)
async def test_the_servers_methods_refuse_by_name(
    session: Session, method: ua.NodeId, arguments: list[ua.Variant], expected: str
) -> None:
    (result,) = (await session.call(call_request(SERVER, method, *arguments))).Results
    assert result.StatusCode.name == expected


async def test_each_call_gets_its_own_answer(session: Session) -> None:
    second = ua.Variant(0.1, DOUBLE)
    calls = [
        ("R999", STEP, [second]),
        (SIMULATION, "R101.Simulation.Inject", [second]),
        ("R101", STEP, [second]),
        (SIMULATION, "R999.Step", [second]),
        (SIMULATION, STEP, []),
        (SIMULATION, STEP, [second, second]),
        (SIMULATION, STEP, [second]),
    ]
    requests = [call_request(target, method, *given).Parameters.MethodsToCall[0] for target, method, given in calls]
    answer = await session.call(ua.CallRequest(Parameters=ua.CallParameters(requests)))
    wrong = "BadMethodInvalid"
    expected = ["BadNodeIdUnknown", wrong, wrong, wrong, "BadArgumentsMissing", "BadTooManyArguments", "Good"]
    assert names(each.StatusCode for each in answer.Results) == expected


async def test_an_argument_of_the_wrong_type_is_named(session: Session) -> None:
    (result,) = (await session.call(call_request(SIMULATION, STEP, ua.Variant("a while", STRING)))).Results
    assert result.StatusCode.name == "BadInvalidArgument"
    assert names(result.InputArgumentResults) == ["BadTypeMismatch"]
