"""Who gives way when there are too many connections."""

from __future__ import annotations

from opcua_server.admission import Admission


def made(*connections: str) -> Admission[str]:
    admission: Admission[str] = Admission()
    for connection in connections:
        admission.enter(connection, connection[0])
    return admission


def test_the_oldest_of_one_address_gives_way() -> None:
    admission = made("a1", "a2", "a3")
    assert admission.next() == "a1"
    admission.leave("a1", "a")
    assert admission.next() == "a2"


def test_who_has_many_gives_way_to_who_has_few() -> None:
    admission = made("a1", "b1", "b2", "c1")
    assert admission.next() == "b1"
    admission.leave("b1", "b")
    admission.enter("c2", "c")
    assert admission.next() == "c1"


def test_who_has_opened_a_channel_gives_way_after_those_who_have_not() -> None:
    admission = made("a1", "a2", "a3")
    admission.opened("a1", "a")
    assert admission.next() == "a2"
    admission.leave("a2", "a")
    admission.opened("a3", "a")
    assert admission.next() == "a1"


def test_who_has_a_session_does_not_give_way() -> None:
    admission = made("a1")
    admission.leave("a1", "a")
    assert admission.next() is None
    admission.leave("a1", "a")
    admission.opened("a1", "a")
    assert admission.next() == "a1"
