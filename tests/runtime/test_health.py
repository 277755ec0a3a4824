"""What a service says of itself: what is wrong now, and no longer than that."""

from __future__ import annotations

from runtime.health import Health


def test_what_is_wrong_is_told_until_it_is_right_and_never_hides_another_trouble() -> None:
    health = Health("historian")
    health.ready("broker")
    health.trouble("segments", "history: damaged")
    health.lost("broker", "connection refused")
    assert health.last_error == "history: damaged; connection refused"
    health.trouble("influxdb", "InfluxDB: 503")
    health.trouble("influxdb", "")
    assert health.last_error == "history: damaged; connection refused"
    health.ready("broker")
    assert health.last_error == "history: damaged"
    health.trouble("segments", "")
    assert (health.last_error, health.is_ready) == ("", True)


def test_what_has_never_been_there_is_waited_for_and_no_error() -> None:
    health = Health("historian")
    health.lost("server", "connection refused")
    assert (health.last_error, health.as_json()["waiting_for"]) == ("", {"server": "connection refused"})
