"""What each audited action is told as: an event with all fields of its type, and a line; never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto.permission_rules import User
from asyncua.server.address_space import AddressSpace
from prometheus_client import CollectorRegistry

from opcua_server.access.control import AccessControl
from opcua_server.access.policies import Policies, standard_policies
from opcua_server.auditing.audit import Audit
from opcua_server.auditing.control import ControlTraffic
from opcua_server.auditing.record import Record
from opcua_server.events import Events
from opcua_server.monitoring.event import Event
from opcua_server.ownership import AUTO, Claim
from opcua_server.tags import Tags
from plant import quality
from plant.signals import Writer

from ..conftest import templated_space

V, SERVER = ua.VariantType, ua.NodeId(ua.ObjectIds.Server)
GOOD, DENIED = quality.GOOD, quality.BAD_USER_ACCESS_DENIED
UNTRUSTED = ua.StatusCodes.BadCertificateUntrusted
SESSION = ua.NodeId(4711)
NODE = ua.NodeId("R101.TIC101.SP", 2)


class Kept(list[Record]):
    """A trail in memory."""

    def put(self, record: Record) -> None:
        self.append(record)


class Told:
    """An Audit, and what it told last."""

    def __init__(self, space: AddressSpace) -> None:
        self.trail = Kept()
        self.events: list[Event] = []
        self.types = (made := Events(space)).types
        self.audit = Audit(self.trail, made, self.events.append, lambda: True, "urn:plant")
        self.actor: Any = SimpleNamespace(id=SESSION, user=User(name="anna"), peer="10.0.0.7")

    def field(self, name: str) -> Any:
        value = self.events[-1].fields[(name,)].Value
        return value.Text if isinstance(value, ua.LocalizedText) else value

    @property
    def line(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.trail[-1].line())
        return found


@pytest.fixture(scope="module")
def space(data: Path) -> AddressSpace:
    return templated_space(data, ["R101"])


@pytest.fixture
def told(space: AddressSpace) -> Iterator[Told]:
    """All that a test tells can be sent, and has what its type declares."""
    found = Told(space)
    yield found
    assert len(found.events) == len(found.trail) > 0
    for event, record in zip(found.events, found.trail, strict=True):
        assert event.fields[("EventId",)].Value == record.event_id
        declared = {path for kind in event.types for path in found.types.declared(kind) if len(path) == 1}
        assert set(event.fields) <= declared
        assert declared - set(event.fields) <= OPTIONAL
        for path in event.fields:
            event.encoded(path)


OPTIONAL = {
    (name,)
    for name in (
        "LocalTime",
        "ConditionClassId",
        "ConditionClassName",
        "ConditionSubClassId",
        "ConditionSubClassName",
        "StatusCodeId",
        "CurrentRoleIds",
        "ClientApplicationUri",
    )
}


def open_channel(told: Told, **fields: Any) -> None:
    known: dict[str, Any] = {
        "channel_id": "7",
        "certificate": b"der",
        "request_type": ua.SecurityTokenRequestType.Issue,
        "policy_uri": "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
        "mode": ua.MessageSecurityMode.SignAndEncrypt,
        "lifetime_ms": 3_600_000,
    }
    told.audit.opened_channel(**known | fields)


def test_a_channel(told: Told) -> None:
    open_channel(told, peer="10.0.0.5")
    assert told.field("SourceName") == "SecureChannel/OpenSecureChannel"
    assert told.field("ClientUserId") == "System/OpenSecureChannel"
    assert told.field("Status") is True
    assert told.line["peer"] == "10.0.0.5"
    assert told.line["message"] == "Secure channel 7 opened (Basic256Sha256, SignAndEncrypt)"
    assert len(told.line["ClientCertificateThumbprint"]) == 40
    assert "ClientCertificate" not in told.line
    told.audit.closed_channel(channel_id="7")
    assert told.field("SourceName") == "SecureChannel/CloseSecureChannel"
    assert told.field("ClientUserId") == "System/CloseSecureChannel"


def test_a_channel_that_was_refused_names_the_event_of_its_certificate(told: Told) -> None:
    refused = told.audit.certificate_refused(certificate=b"der", code=UNTRUSTED, reason="it is not known here")
    assert told.field("SourceName") == "Security/Certificate"
    assert told.line["message"].endswith("refused: it is not known here")
    open_channel(told, code=quality.BAD_USER_ACCESS_DENIED, reason="it is a stranger", certificate_event=refused)
    assert told.field("CertificateErrorEventId") == refused
    assert told.field("Status") is False
    assert "not opened: it is a stranger" in told.field("Message")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("BadCertificateTimeInvalid", "AuditCertificateExpiredEventType"),
        ("BadCertificateIssuerTimeInvalid", "AuditCertificateExpiredEventType"),
        ("BadCertificateUntrusted", "AuditCertificateUntrustedEventType"),
        ("BadCertificateRevoked", "AuditCertificateRevokedEventType"),
        ("BadCertificateRevocationUnknown", "AuditCertificateRevokedEventType"),
        ("BadCertificateInvalid", "AuditCertificateInvalidEventType"),
        ("BadCertificatePolicyCheckFailed", "AuditCertificateInvalidEventType"),
        ("BadCertificateUseNotAllowed", "AuditCertificateMismatchEventType"),
        ("BadCertificateUriInvalid", "AuditCertificateDataMismatchEventType"),
        ("BadCertificateHostNameInvalid", "AuditCertificateDataMismatchEventType"),
    ],
)
def test_each_refusal_of_a_certificate_has_its_event(told: Told, code: str, kind: str) -> None:
    number = getattr(ua.StatusCodes, code)
    told.audit.certificate_refused(certificate=b"der", code=number, reason="so", uri="urn:other")
    assert told.events[-1].type == ua.NodeId(getattr(ua.ObjectIds, kind))
    assert told.line["event"] == kind
    assert told.line["status"] == code
    assert told.line.get("InvalidUri") == ("urn:other" if "Mismatch" in kind and "Data" in kind else None)


def test_a_session(told: Told) -> None:
    begin: dict[str, Any] = {"channel_id": "7", "certificate": b"der", "timeout_ms": 60_000, "client": "urn:client"}
    told.audit.created_session(session_id=SESSION, entry_id="e1", **begin)
    assert told.field("ClientUserId") == "System/CreateSession"
    assert told.field("ClientAuditEntryId") == "e1"
    assert told.line["session"] == "i=4711"
    told.audit.created_session(session_id=None, code=ua.StatusCodes.BadTooManySessions, **begin)
    assert told.field("SessionId") == ua.NodeId()
    assert "not created: BadTooManySessions" in told.field("Message")
    told.audit.created_session(session_id=SESSION, mismatched_url="opc.tcp://other:4840", **begin)
    assert [record.event_type for record in told.trail[-2:]] == [
        "AuditUrlMismatchEventType",
        "AuditCreateSessionEventType",
    ]
    for cause in ("CloseSession", "Timeout", "Terminated"):
        told.audit.closed_session(told.actor, cause)
        assert told.field("SourceName") == f"Session/{cause}"
        assert told.field("ClientUserId") == "anna"
    told.audit.cancelled(told.actor, request_handle=5, count=2)
    assert told.field("RequestHandle") == 5
    assert told.field("SourceName") == "Session/Cancel"
    told.audit.transferred(told.actor, {1: GOOD, 2: DENIED})
    assert told.field("SourceName") == "Session/TransferSubscriptions"
    assert told.field("Status") is False


@pytest.mark.parametrize(
    "token",
    [
        ua.UserNameIdentityToken(PolicyId="u", UserName="anna", Password=b"hunter2", EncryptionAlgorithm="alg"),
        ua.IssuedIdentityToken(PolicyId="i", TokenData=b"hunter2"),
        ua.X509IdentityToken(PolicyId="x", CertificateData=b"der"),
        ua.AnonymousIdentityToken(PolicyId="a"),
        None,
    ],
    ids=lambda token: type(token).__name__,
)
def test_a_login_is_told_without_its_secret(told: Told, token: Any) -> None:
    told.audit.activated_session(session_id=SESSION, channel_id="7", token=token, user="anna", code=DENIED, reason="no")
    event = told.events[-1]
    assert b"hunter2" not in b"".join(event.encoded(path) for path in event.fields)
    assert b"hunter2" not in told.trail[-1].line()
    assert told.line["message"] == "Login of 'anna' not accepted: no"
    assert told.line["user"] == "anna"


def test_a_write(told: Told) -> None:
    old, new = ua.Variant(350.0, V.Double), ua.Variant(351.0, V.Double)
    write: dict[str, Any] = {"node": NODE, "attribute": 13, "index_range": "", "old": old, "new": new}
    told.audit.wrote(told.actor, code=GOOD, entry_id="e2", **write)
    assert told.events[-1].source == NODE
    assert told.field("SourceName") == "Attribute/Write"
    assert (told.field("OldValue"), told.field("NewValue")) == (350.0, 351.0)
    assert told.line["message"] == "R101.TIC101.SP: 350.0 to 351.0 written"
    assert (told.line["OldValue"], told.line["NewValue"], told.line["entry"]) == (350.0, 351.0, "e2")
    assert told.line["session"] == "i=4711"
    told.audit.wrote(told.actor, code=DENIED, **write)
    assert told.line["message"].endswith("not written: BadUserAccessDenied")
    assert told.field("Severity") > 100


def test_a_call(told: Told) -> None:
    told.audit.called(
        told.actor,
        object_id=ua.NodeId("R101.Simulation", 2),
        method_id=ua.NodeId("R101.Simulation.Inject", 2),
        arguments=[ua.Variant("bias", V.String), ua.Variant(5.0, V.Double)],
        outputs=[ua.Variant("F1", V.String)],
        code=GOOD,
        began=100,
    )
    assert told.field("SourceName") == "Attribute/Call"
    assert [argument.Value for argument in told.field("InputArguments")] == ["bias", 5.0]
    assert told.field("ActionTimeStamp").ticks == 100
    assert told.line["message"] == "R101.Simulation.Inject(bias, 5.0) called"


@pytest.mark.parametrize(
    "value",
    [
        ua.Variant("x" * 1_000_000, V.String),
        ua.Variant("\udcff", V.String),
        ua.Variant(b"x" * 1_000_000, V.ByteString),
        ua.Variant([1.0] * 1_000_000, V.Double, is_array=True),
        ua.Variant([ua.Variant("x" * 1_000_000, V.String)], V.Variant, is_array=True),
        ua.Variant(float("nan"), V.Double),
        ua.Variant(ua.LocalizedText("x" * 1_000_000), V.LocalizedText),
    ],
    ids=["long", "no unicode", "bytes", "array", "nested", "nan", "text"],
)
def test_what_a_client_sends_is_kept_within_bounds(told: Told, value: ua.Variant) -> None:
    huge = ua.NodeId("x" * 1_000_000, 2)
    told.audit.wrote(
        told.actor,
        node=huge,
        attribute=13,
        index_range="1" * 1_000_000,
        old=ua.Variant(),
        new=value,
        code=DENIED,
        entry_id="e" * 1_000_000,
    )
    event = told.events[-1]
    assert sum(len(event.encoded(path)) for path in event.fields) < 10_000
    assert len(told.trail[-1].line()) < 20_000


def test_nothing_is_made_for_nobody(space: AddressSpace) -> None:
    events: list[Event] = []
    trail = Kept()
    Audit(trail, Events(space), events.append, lambda: False, "urn:plant").closed_channel(channel_id="7")
    assert len(trail) == 1
    assert events == []


def test_audit_events_are_for_administrators_on_encrypted_channels(space: AddressSpace) -> None:
    events = Events(space)
    audit, other = (
        events.make(ua.NodeId(kind), SERVER, "", "", 1)
        for kind in (ua.ObjectIds.AuditWriteUpdateEventType, ua.ObjectIds.SystemEventType)
    )
    modes = ua.MessageSecurityMode
    admin, operator = frozenset({"SecurityAdmin"}), frozenset({"Operator", "Supervisor"})
    policies = Policies(Tags(("R101",), CollectorRegistry()))
    for node, policy in standard_policies(space):
        policies.govern(node, policy)
    outside, inside = (AccessControl(policies, on_loopback=is_inside) for is_inside in (False, True))
    assert outside.may_receive(audit, admin, modes.SignAndEncrypt)
    assert not outside.may_receive(audit, admin, modes.Sign)
    assert not outside.may_receive(audit, operator, modes.SignAndEncrypt)
    assert inside.may_receive(audit, admin, modes.None_)
    assert not inside.may_receive(audit, operator, modes.None_)
    assert outside.may_receive(other, operator, modes.None_)


MINE, NOBODYS, ANOTHERS = Claim(True, True, AUTO), Claim(False, False, AUTO), Claim(True, False, AUTO)
Audited = Callable[..., bool]


class Session:
    """Can be referred to weakly."""


@pytest.fixture
def audited() -> Audited:
    control, sessions = ControlTraffic(), (Session(), Session())

    def ask(writer: Writer, claim: Claim | None, code: int = GOOD, *, node: bytes = b"n", session: int = 0) -> bool:
        return control.is_audited(sessions[session], node, writer, claim, code)

    return ask


def test_of_control_traffic_only_who_takes_a_loop_is_told(audited: Audited) -> None:
    assert audited(Writer.HEARTBEAT, NOBODYS)
    assert not audited(Writer.HEARTBEAT, MINE)
    assert not audited(Writer.HOLDER, MINE)
    assert not audited(Writer.DEMAND, MINE)
    assert not audited(Writer.DETECTOR, None)


def test_what_is_written_by_hand_is_always_told(audited: Audited) -> None:
    assert audited(Writer.DEMAND, ANOTHERS)
    for writer in (Writer.SETPOINT, Writer.OPERATOR, Writer.OUTPUT, Writer.ENGINEER, Writer.NOBODY):
        assert all(audited(writer, MINE, code) for code in (GOOD, GOOD, DENIED, DENIED))


def test_a_refusal_is_told_once_until_the_answer_changes(audited: Audited) -> None:
    assert [audited(Writer.HEARTBEAT, ANOTHERS, DENIED) for _ in range(3)] == [True, False, False]
    assert audited(Writer.HEARTBEAT, ANOTHERS, DENIED, node=b"other")
    assert audited(Writer.HEARTBEAT, ANOTHERS, DENIED, session=1)
    assert audited(Writer.HEARTBEAT, ANOTHERS, quality.BAD_OUT_OF_RANGE)
    assert audited(Writer.HEARTBEAT, NOBODYS)
    assert audited(Writer.HEARTBEAT, ANOTHERS, DENIED)
