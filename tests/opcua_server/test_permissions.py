"""Rights from roles, channel and policies, without a server around them."""

from __future__ import annotations

import pytest
from asyncua import ua
from prometheus_client import CollectorRegistry

from opcua_server.access.permissions import (
    AUDIT_EVENTS,
    BROWSE,
    CALL,
    PLANT,
    PUBLIC,
    READ,
    RECEIVE_EVENTS,
    SECURITY,
    SIGNALS,
    WRITE,
    Policy,
)
from opcua_server.access.policies import Policies
from opcua_server.access.rights import Rights
from opcua_server.access.roles import ALL_ROLES, ANONYMOUS, AUTHENTICATED_USER, role_id
from opcua_server.nodes import plant_id, standard_id
from opcua_server.tags import Tags
from plant import quality
from plant.signals import Writer

NONE, SIGN, ENCRYPT = (
    ua.MessageSecurityMode.None_,
    ua.MessageSecurityMode.Sign,
    ua.MessageSecurityMode.SignAndEncrypt,
)
WEAK = ua.StatusCodes.BadSecurityModeInsufficient
SERVER, AUDIT = standard_id(ua.ObjectIds.Server), standard_id(ua.ObjectIds.AuditWriteUpdateEventType)


@pytest.fixture(scope="module")
def policies() -> Policies:
    found = Policies(Tags(("R101", "R102"), CollectorRegistry()))
    found.govern(AUDIT, AUDIT_EVENTS)
    return found


def rights(policies: Policies, *roles: str, mode: ua.MessageSecurityMode | None = ENCRYPT) -> Rights:
    return Rights(frozenset({ANONYMOUS, AUTHENTICATED_USER, *roles} if roles else {ANONYMOUS}), mode, policies)


def test_every_kind_of_signal_has_a_policy_and_somebody_who_writes_it() -> None:
    assert set(SIGNALS) == set(Writer)
    for writer, policy in SIGNALS.items():
        writes = {role for role in ALL_ROLES if policy.granted([role]) & WRITE}
        assert bool(writes) == (writer is not Writer.NOBODY), writer


def test_permissions_of_all_roles_count_together() -> None:
    policy = Policy({"Observer": READ, "Operator": WRITE}).granting(CALL, "Operator", "Engineer")
    assert policy.granted(["Observer", "Engineer", "Nobody"]) == READ | CALL
    assert policy.granted(["Observer", "Operator"]) == READ | WRITE | CALL
    assert policy.granted([]) == 0


def test_who_may_do_anything_may_browse() -> None:
    for policy in (PLANT, PUBLIC, SECURITY, AUDIT_EVENTS, *SIGNALS.values()):
        assert all(permissions & BROWSE for permissions in policy.permissions.values())


def test_who_has_logged_in_and_has_no_other_role_only_looks(policies: Policies) -> None:
    mine = Rights(frozenset({ANONYMOUS, AUTHENTICATED_USER}), ENCRYPT, policies)
    assert mine.granted(PLANT) == BROWSE | READ
    assert mine.unreadable is None
    assert not mine.writers


def test_roles_have_standard_node_ids_and_ours_our_own() -> None:
    assert role_id("SecurityAdmin") == standard_id(15704)
    assert role_id("Controller") == plant_id("RoleSet.Controller")
    assert len({role_id(role) for role in (*ALL_ROLES, ANONYMOUS, AUTHENTICATED_USER)}) == 10


@pytest.mark.parametrize(
    ("mode", "status"), [(NONE, WEAK), (SIGN, WEAK), (ENCRYPT, quality.GOOD), (None, quality.GOOD)]
)
def test_a_restriction_is_met_by_the_channel_or_where_none_is_made(
    policies: Policies, mode: ua.MessageSecurityMode | None, status: int
) -> None:
    mine = rights(policies, "SecurityAdmin", mode=mode)
    assert mine.under(SECURITY, READ) == status
    assert mine.under(SECURITY, BROWSE) == quality.GOOD
    assert mine.under(PLANT, READ) == quality.GOOD


def test_events_need_the_permission_on_their_type_and_on_their_source(policies: Policies) -> None:
    plain = standard_id(ua.ObjectIds.BaseEventType)
    observer, admin = rights(policies, "Observer"), rights(policies, "SecurityAdmin")
    assert observer.receives(plain, plant_id("R101"))
    assert admin.receives(plain, plant_id("R101"))  # else what is written there would not be told to it
    assert admin.receives(AUDIT, SERVER)
    assert not observer.receives(AUDIT, SERVER)
    assert not rights(policies, "SecurityAdmin", mode=SIGN).receives(AUDIT, SERVER)
    assert not rights(policies).receives(plain, SERVER)


def test_rows_are_unreadable_for_anonymous_only(policies: Policies) -> None:
    assert rights(policies, "Observer").unreadable is None
    hidden = rights(policies).unreadable
    assert hidden is not None
    assert hidden.all()


def test_a_node_is_governed_alone_until_it_is_not(policies: Policies) -> None:
    node, mine = plant_id("R101.T"), rights(policies, "Observer")
    policies.govern(node, SECURITY)
    assert not mine.sees(node)
    assert mine.sees(plant_id("R102.T"))
    policies.govern(node, None)
    assert mine.status(node, RECEIVE_EVENTS) == quality.GOOD
