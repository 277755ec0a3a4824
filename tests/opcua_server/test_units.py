"""Conformance units of OPC 10000-7 that no other test shows: how many of a thing there may be at once."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import (
    SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicyAes256Sha256RsaPss,
    SecurityPolicyBasic256Sha256,
)

from runtime.pki.own import application_uri, own_identities

from .conformity.services import (
    DOUBLE,
    SP,
    answer,
    changes_of,
    item,
    monitor_all,
    publish,
    publish_request,
    put,
    read,
    subscribe,
)
from .conformity.wire import Session, connected
from .conftest import Serving, value

POLICIES = (SecurityPolicyBasic256Sha256, SecurityPolicyAes128Sha256RsaOaep, SecurityPolicyAes256Sha256RsaPss)
MODES = (ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt)


async def test_fifty_sessions_are_served_in_parallel(serving: Serving) -> None:
    async with serving() as endpoint, contextlib.AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(connected(endpoint)) for _ in range(50)]
        for session in sessions:
            (data,) = await read(session, SP)
            assert data.StatusCode.is_good()


async def test_five_subscriptions_of_a_session_have_five_hundred_items_each(serving: Serving) -> None:
    """And each item a queue of five, of which nothing is lost."""
    written = [321.0, 322.0, 323.0, 324.0, 325.0]
    async with serving() as endpoint, connected(endpoint) as session:
        subscriptions = [(await subscribe(session, 200.0, keep_alive=100)).SubscriptionId for _ in range(5)]
        for subscription in subscriptions:
            items = [item(SP, handle, queue=5) for handle in range(500)]
            results = await monitor_all(session, subscription, *items)
            assert {result.StatusCode.name for result in results} == {"Good"}
            assert {result.RevisedQueueSize for result in results} == {5}
        first = await changes_of_items(session, 5 * 500)
        assert {tuple(values) for values in first.values()} == {(350.0,)}
        await put(session, SP, *written, kind=DOUBLE)
        then = await changes_of_items(session, 5 * 500 * 5)
        assert {subscription for subscription, _ in then} == set(subscriptions)
        assert {tuple(values) for values in then.values()} == {tuple(written)}


async def changes_of_items(session: Session, count: int) -> dict[tuple[int, int], list[float]]:
    """Publish until so many changes have come; return those of each item, by subscription and ClientHandle."""
    seen: dict[tuple[int, int], list[float]] = defaultdict(list)
    while sum(map(len, seen.values())) < count:
        result = await publish(session)
        for change in changes_of(result.NotificationMessage):
            seen[result.SubscriptionId, change.handle].append(change.value)
    return seen


async def test_ten_publish_requests_wait_and_are_answered_in_their_order(serving: Serving) -> None:
    async with serving() as endpoint, connected(endpoint) as session:
        subscription = (await subscribe(session, 20.0, keep_alive=1_000)).SubscriptionId
        waiting = [session.send(publish_request()) for _ in range(11)]
        await answer(waiting[0])  # the first message is a keep-alive
        await monitor_all(session, subscription, item(SP))
        values: list[float] = []
        for place, future in enumerate(waiting[1:]):
            message = (await answer(future)).Parameters.NotificationMessage
            assert message.SequenceNumber == place + 1
            values += [change.value for change in changes_of(message)]
            await put(session, SP, 320.0 + place, kind=DOUBLE)
        assert values[1:] == [320.0 + place for place in range(9)]


async def test_the_server_finds_itself(serving: Serving) -> None:
    async with serving() as endpoint:
        client = Client(endpoint)
        (found,) = await client.connect_and_find_servers()
        assert found.ApplicationType == ua.ApplicationType.Server
        async with client:
            array = client.get_node(ua.NodeId(ua.ObjectIds.Server_ServerArray))
            assert await array.read_value() == [found.ApplicationUri]


@pytest.mark.parametrize("policy", POLICIES)
async def test_each_security_policy_is_served_signed_and_encrypted(serving: Serving, data: Path, policy: Any) -> None:
    identity = own_identities(data / "pki", (), "outside")[0]
    async with serving() as endpoint:
        for mode in MODES:
            client = Client(endpoint)
            client.application_uri = application_uri("outside")
            await client.set_security(policy, identity.certificate, identity.key, mode=mode)
            async with client:
                assert 280 < await value(client, "R101.T") < 420
