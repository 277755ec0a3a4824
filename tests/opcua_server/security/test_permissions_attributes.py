"""The attributes that tell a client what it may, before it tries (OPC 10000-3 v1.05 §5.2.9, §5.2.10, §5.2.11)."""

from __future__ import annotations

from pathlib import Path

import pytest
from asyncua import Client, ua

from opcua_server.access.roles import role_id

from ..conftest import Serving
from .asking import (
    ADD_ROLE,
    IDENTITIES,
    ROLE_SET,
    SERVER,
    SESSION_SECURITY,
    attribute,
    browse,
    call,
    own_security,
    plant,
    read,
    value,
)
from .logins import ENCRYPTED, ROLES, become, login, off_loopback

ATTRIBUTES = ua.AttributeIds
SEES, WRITE, HISTORY, AMEND = 0b0001, 0b0010, 0b0100, 0b1000
"""Bits of an AccessLevel."""
B, R, H, E, W, C, A = 1, 32, 128, 2048, 64, 4096, 256 | 512 | 1024
"""Bits of a PermissionType: Browse, Read, ReadHistory, ReceiveEvents, Write, Call; Insert-, Modify-, DeleteHistory."""
DEFAULTS = {
    "Role": plant("NamespaceMetadata.DefaultRolePermissions"),
    "User": plant("NamespaceMetadata.DefaultUserRolePermissions"),
    "Restrictions": plant("NamespaceMetadata.DefaultAccessRestrictions"),
}


async def permissions(client: Client, node: ua.NodeId, attribute_id: int) -> dict[ua.NodeId, int]:
    return {each.RoleId: int(each.Permissions) for each in await value(client, node, attribute_id)}


async def test_each_session_reads_what_it_may(serving: Serving, people: Path) -> None:
    levels = {"observer": 0, "operator": WRITE, "configure": -HISTORY, "engineer": AMEND, "pid": 0}
    async with serving(off_loopback(people), people) as endpoint:
        for name, more in levels.items():
            async with login(endpoint, people, name) as client:
                setpoint = plant("R101.TIC101.SP")
                assert await value(client, setpoint, ATTRIBUTES.AccessLevel) == SEES | WRITE | HISTORY | AMEND
                assert await value(client, setpoint, ATTRIBUTES.UserAccessLevel) == (SEES | HISTORY) + more
                assert await value(client, setpoint, ATTRIBUTES.AccessLevelEx) == SEES | WRITE | HISTORY | AMEND
                inject = plant("R101.Simulation.Inject")
                assert await value(client, inject, ATTRIBUTES.Executable) is True
                assert await value(client, inject, ATTRIBUTES.UserExecutable) is (name == "engineer")
                mine = await permissions(client, setpoint, ATTRIBUTES.UserRolePermissions)
                other = {"operator": W, "engineer": C + A, "configure": -H - E}
                granted = (B | R | H | E) + other.get(name, 0)
                assert mine == {role_id("AuthenticatedUser"): B | R, role_id(ROLES[name]): granted}
                by_default = await permissions(client, DEFAULTS["User"], ATTRIBUTES.Value)
                assert by_default == {**mine, role_id(ROLES[name]): granted & ~W}
                assert await read(client, DEFAULTS["Role"]) == "BadNodeIdUnknown"
                assert await value(client, DEFAULTS["Restrictions"], ATTRIBUTES.Value) == 0
                assert await value(client, setpoint, ATTRIBUTES.AccessRestrictions) == 0
                for mask in (ATTRIBUTES.WriteMask, ATTRIBUTES.UserWriteMask):
                    assert await value(client, setpoint, mask) == 0
                for unknown in (ATTRIBUTES.UserAccessLevel, ATTRIBUTES.UserExecutable, ATTRIBUTES.AccessLevelEx):
                    assert await read(client, plant("R101"), unknown) == "BadAttributeIdInvalid"


async def test_administrators_read_who_may_what_and_who_is_who(serving: Serving, people: Path) -> None:
    async with (
        serving(off_loopback(people), people) as endpoint,
        login(endpoint, people, "security") as client,
    ):
        kc = await permissions(client, plant("R101.TIC101.Kc"), ATTRIBUTES.RolePermissions)
        assert kc[role_id("Engineer")] == B | R | H | E | W | C | A
        assert kc[role_id("Operator")] == B | R | H | E
        assert role_id("Anonymous") not in kc
        plain = await permissions(client, plant("R101"), ATTRIBUTES.RolePermissions)
        assert await permissions(client, DEFAULTS["Role"], ATTRIBUTES.Value) == plain
        server = await permissions(client, SERVER, ATTRIBUTES.RolePermissions)
        assert server[role_id("Anonymous")] == B | R | C
        secret = await permissions(client, SESSION_SECURITY, ATTRIBUTES.RolePermissions)
        assert set(secret) == {role_id("SecurityAdmin")}
        assert await value(client, SESSION_SECURITY, ATTRIBUTES.AccessRestrictions) == 0b0011
        _, roles = await browse(client, ROLE_SET)
        named = {"Anonymous", "AuthenticatedUser", *ROLES.values()}
        assert roles == {*named, "AddRole", "RemoveRole"}
        identities = await value(client, IDENTITIES, ATTRIBUTES.Value)
        people = {(each.CriteriaType.name, each.Criteria) for each in identities}
        assert people == {("UserName", "operator"), ("UserName", "historian")}
        ours = await value(client, plant("RoleSet.Controller.Identities"), ATTRIBUTES.Value)
        assert {each.Criteria for each in ours} == {"pid", "controller"}
        everybody = ua.NodeId(ua.ObjectIds.WellKnownRole_Anonymous_Identities)
        assert {each.CriteriaType.name for each in await value(client, everybody, ATTRIBUTES.Value)} == {
            "Anonymous", "AuthenticatedUser",
        }  # fmt: skip
        assert await value(client, ADD_ROLE, ATTRIBUTES.Executable) is False
        await become(client, "operator")
        assert await read(client, IDENTITIES) == "BadNodeIdUnknown"


@pytest.mark.parametrize("mode", [ua.MessageSecurityMode.Sign, ENCRYPTED])
async def test_secrets_are_read_over_encrypted_channels_only(
    serving: Serving, people: Path, mode: ua.MessageSecurityMode
) -> None:
    weak = "BadSecurityModeInsufficient"
    async with (
        serving(off_loopback(people), people) as endpoint,
        login(endpoint, people, "security", mode) as client,
    ):
        for secret in (IDENTITIES, await own_security(client, ".ClientUserIdOfSession")):
            assert await read(client, secret) == ("Good" if mode is ENCRYPTED else weak)
            assert await read(client, secret, ATTRIBUTES.BrowseName) == "Good"
        answer = await call(client, ROLE_SET, ADD_ROLE)
        assert answer == ("BadNotExecutable" if mode is ENCRYPTED else weak)
        assert await read(client, plant("R101.T")) == "Good"


async def test_on_loopback_anonymous_may_everything_over_any_channel(client: Client) -> None:
    for secret in (IDENTITIES, await own_security(client, ".ClientUserIdOfSession")):
        assert await read(client, secret) == "Good"
        assert await value(client, secret, ATTRIBUTES.AccessRestrictions) == 0
    assert await read(client, plant("R101.T"), ATTRIBUTES.RolePermissions) == "Good"
    assert await call(client, ROLE_SET, ADD_ROLE) == "BadNotExecutable"
    constant = await attribute(client, plant("R101.TIC101.Kc"), ATTRIBUTES.UserAccessLevel)
    assert constant.Value == ua.Variant(SEES | WRITE | HISTORY | AMEND, ua.VariantType.Byte)
