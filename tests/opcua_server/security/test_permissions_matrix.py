"""Role x service x node, over the wire, off loopback: what each of them is answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua

from ..conftest import Serving
from .asking import (
    ADD_ROLE,
    DOUBLE,
    IDENTITIES,
    INT32,
    OBJECTS,
    ROLE_SET,
    SERVER,
    SESSION_SECURITY,
    UINT32,
    amend,
    browse,
    call,
    event_history,
    history,
    monitor,
    own_security,
    plant,
    read,
    translate,
    value,
    write,
)
from .logins import ANONYMOUS, EVERYBODY, login, off_loopback

GOOD, DENIED, UNKNOWN = "Good", "BadUserAccessDenied", "BadNodeIdUnknown"
HANDS, PROCESS = {"operator", "supervisor"}, {"observer", "operator", "engineer", "supervisor", "pid", "verdict"}
KNOWN = set(EVERYBODY) - {ANONYMOUS}
ATTRIBUTES = ua.AttributeIds

WRITES = {
    "R101.TIC101.SP": (350.0, DOUBLE, HANDS),
    "R101.TIC101.ModeTarget": (2, INT32, HANDS),
    "R101.TIC101.OUT": (300.0, DOUBLE, HANDS),
    "R101.Tc": (300.0, DOUBLE, {*HANDS, "pid"}),
    "R101.TIC101.Kc": (6.0, DOUBLE, {"engineer"}),
    "R101.TIC101.Heartbeat": (1, UINT32, {"pid"}),
    "R101.Detector.Score": (0.5, DOUBLE, {"verdict"}),
}
READS = {
    "server state": (ua.NodeId(ua.ObjectIds.Server_ServerStatus_State), ATTRIBUTES.Value, set(EVERYBODY)),
    "a type's name": (ua.NodeId("CstrReactorType", 2), ATTRIBUTES.BrowseName, set(EVERYBODY)),
    "a value": (plant("R101.T"), ATTRIBUTES.Value, KNOWN),
    "a text": (plant("R101.TIC101.Mode.ValueAsText"), ATTRIBUTES.Value, KNOWN),
    "a property": (plant("R101.T.EURange"), ATTRIBUTES.Value, KNOWN),
    "a name": (plant("R101.T"), ATTRIBUTES.BrowseName, KNOWN),
    "user permissions": (plant("R101.T"), ATTRIBUTES.UserRolePermissions, KNOWN),
}
SECRETS = {
    "identities of a role": (IDENTITIES, ATTRIBUTES.Value),
    "identities of our role": (plant("RoleSet.Controller.Identities"), ATTRIBUTES.Value),
    "session security diagnostics": (SESSION_SECURITY, ATTRIBUTES.BrowseName),
}

Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def answers(serving: Serving, people: Path) -> Answers:
    """What each person is answered to each question."""

    async def ask_all() -> Answers:
        async with serving(off_loopback(people), people) as endpoint:
            found: Answers = {}
            for name in EVERYBODY:
                async with login(endpoint, people, name) as client:
                    found[name] = await ask(client)
            return found

    return asyncio.run(ask_all())


async def ask(client: Client) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, (node, attribute_id, _) in READS.items():
        found[f"read {name}"] = await read(client, node, attribute_id)
    for name, (node, attribute_id) in SECRETS.items():
        found[f"read {name}"] = await read(client, node, attribute_id)
    found["own security"] = await read(client, await own_security(client), ATTRIBUTES.BrowseName)
    found["own user id"] = await read(client, await own_security(client, ".ClientUserIdOfSession"))
    found["read role permissions"] = await read(client, plant("R101.T"), ATTRIBUTES.RolePermissions)
    for path, (wanted, kind, _) in WRITES.items():
        found[f"write {path}"] = await write(client, path, wanted, kind)
    found["write R101.T"] = await write(client, "R101.T", 300.0, DOUBLE)
    for method in ("R101.Simulation.Clear", "SimulationType.Clear"):
        found[f"call {method}"] = await call(
            client, plant("R101.Simulation"), plant(method), ua.Variant("", ua.VariantType.String)
        )
    get_items = ua.NodeId(ua.ObjectIds.Server_GetMonitoredItems)
    found["call GetMonitoredItems"] = await call(client, SERVER, get_items, ua.Variant(0, UINT32))
    found["call AddRole"] = await call(client, ROLE_SET, ADD_ROLE)
    found["browse objects"] = await browse(client, OBJECTS)
    found["browse R101"] = (await browse(client, plant("R101")))[0]
    found["browse role"] = await browse(client, ua.NodeId(ua.ObjectIds.WellKnownRole_Operator))
    found["translate to T"] = await translate(client, OBJECTS, "2:Plant", "2:Area1", "2:R101", "2:T")
    found["translate from R101"] = await translate(client, plant("R101"), "2:T")
    found["history"] = await history(client, "R101.T")
    found["history of nothing"] = await history(client, "R101.TIC101.Heartbeat")
    found["history of events"] = await event_history(client, plant("R101"))
    found["history of all events"] = await event_history(client, SERVER)
    found["amend"] = await amend(client, "R101.T")
    level = await value(client, plant("R101.T"), ATTRIBUTES.UserAccessLevel) if found["history"] != UNKNOWN else 0
    found["may amend"] = bool(level & ua.AccessLevel.HistoryWrite.mask)
    found["monitor"] = await monitor(
        client, *(ua.ReadValueId(node, attribute_id) for node, attribute_id, _ in READS.values())
    )
    found["monitor secrets"] = await monitor(client, *(ua.ReadValueId(*each) for each in SECRETS.values()))
    found["register"] = len(await client.uaclient.register_nodes([plant("R101.T"), SESSION_SECURITY]))
    return found


def of(answers: Answers, question: str) -> dict[str, object]:
    return {name: found[question] for name, found in answers.items()}


def expected(good: set[str], otherwise: str, anonymous: str = UNKNOWN) -> dict[str, str]:
    """Return Good for these, `otherwise` for who else has logged in, `anonymous` for who has not."""
    return {name: GOOD if name in good else anonymous if name == ANONYMOUS else otherwise for name in EVERYBODY}


@pytest.mark.parametrize("name", READS)
def test_everyone_logged_in_reads_the_plant_and_anonymous_the_server_and_the_types(answers: Answers, name: str) -> None:
    assert of(answers, f"read {name}") == expected(READS[name][2], DENIED)


@pytest.mark.parametrize("path", WRITES)
def test_each_signal_is_written_by_its_roles_only(answers: Answers, path: str) -> None:
    assert of(answers, f"write {path}") == expected(WRITES[path][2], DENIED)


def test_what_nobody_writes_is_not_writable_for_who_sees_it(answers: Answers) -> None:
    assert of(answers, "write R101.T") == expected(set(), "BadNotWritable")


@pytest.mark.parametrize("method", ["R101.Simulation.Clear", "SimulationType.Clear"])
def test_methods_of_the_plant_are_an_engineers(answers: Answers, method: str) -> None:
    assert of(answers, f"call {method}") == expected({"engineer"}, DENIED)


def test_everyone_calls_the_methods_of_the_server_object(answers: Answers) -> None:
    assert set(of(answers, "call GetMonitoredItems").values()) == {"BadSubscriptionIdInvalid"}


def test_roles_are_not_made_by_methods_and_only_administrators_are_told_so(answers: Answers) -> None:
    asked = of(answers, "call AddRole")
    assert asked.pop("security") == "BadNotExecutable"
    assert set(asked.values()) == {DENIED}


@pytest.mark.parametrize("name", SECRETS)
def test_who_is_who_is_there_for_security_admins_only(answers: Answers, name: str) -> None:
    assert of(answers, f"read {name}") == expected({"security"}, UNKNOWN)


def test_security_diagnostics_of_a_session_are_there_for_security_admins_only(answers: Answers) -> None:
    for question in ("own security", "own user id"):
        assert of(answers, question) == expected({"security"}, UNKNOWN)


def test_role_permissions_are_read_by_security_admins_only(answers: Answers) -> None:
    assert of(answers, "read role permissions") == expected({"security"}, DENIED)


def test_browse_hides_what_is_not_for_everybody(answers: Answers) -> None:
    for name, found in answers.items():
        status, below = found["browse objects"]
        assert status == GOOD
        assert "Server" in below
        assert ({"Plant", "Tags"} <= below) == (name != ANONYMOUS), name
        assert found["browse R101"] == (UNKNOWN if name == ANONYMOUS else GOOD)
        assert found["browse role"] == (GOOD, {"Identities"} if name == "security" else set()), name


def test_a_browse_path_does_not_lead_to_or_from_what_is_hidden(answers: Answers) -> None:
    assert of(answers, "translate to T") == expected(KNOWN, GOOD, "BadNoMatch")
    assert of(answers, "translate from R101") == expected(KNOWN, GOOD)


def test_history_is_read_by_the_process_roles(answers: Answers) -> None:
    assert of(answers, "history") == expected(PROCESS, DENIED)
    assert of(answers, "history of nothing") == expected(set(), "BadHistoryOperationUnsupported")


def test_events_are_read_from_history_by_the_process_roles(answers: Answers) -> None:
    read = dict.fromkeys(PROCESS, "GoodNoData")
    assert of(answers, "history of events") == {**expected(set(), DENIED), **read}
    assert of(answers, "history of all events") == {**expected(set(), DENIED, DENIED), **read}


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ("insert", "BadOutOfRange"),
        ("replace", "BadOutOfRange"),
        ("update", "BadOutOfRange"),
        ("delete raw", "BadNoData"),
        ("delete modified", "BadNoData"),
        ("delete at time", "BadNoEntryExists"),
    ],
)
def test_history_is_changed_by_engineers_only(answers: Answers, change: str, answer: str) -> None:
    asked = {name: found["amend"][change] for name, found in answers.items()}
    assert asked == {**expected(set(), DENIED), "engineer": answer}
    assert of(answers, "may amend") == {name: name == "engineer" for name in EVERYBODY}


def test_items_are_created_for_what_is_seen(answers: Answers) -> None:
    for name, found in answers.items():
        seen = [GOOD if name in may else UNKNOWN for _, _, may in READS.values()]
        assert found["monitor"] == seen, name
        secret = GOOD if name == "security" else UNKNOWN
        assert found["monitor secrets"] == [secret] * len(SECRETS), name


def test_registering_nodes_tells_nobody_what_is_there(answers: Answers) -> None:
    assert set(of(answers, "register").values()) == {2}
