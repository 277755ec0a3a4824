"""What the tags count, and how it is asked for."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from opcua_server.tags import Tags
from runtime.rate import COUNTERS, total


def test_the_servers_rate_is_of_a_counter_that_there_is() -> None:
    registry = CollectorRegistry()
    tags = Tags(["R101"], registry)
    before = total(registry, COUNTERS["server"])
    for second in range(1, 4):
        tags["R101.T"].set(350.0 + second, second, second)
    assert total(registry, COUNTERS["server"]) == before + 3
    of_each = {sample.labels.get("signal"): sample.value for family in registry.collect() for sample in family.samples}
    assert of_each["R101.T"] == 3
