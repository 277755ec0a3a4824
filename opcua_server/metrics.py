"""What the server says of its clients: sessions, subscriptions, monitored items and what their queues lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opcua_server.limits import Reached
from opcua_server.subscriptions import Subscriptions


class ClientMetrics(Collector):
    """Counted when asked."""

    def __init__(self, subscriptions: Subscriptions, count_sessions: Callable[[], int], reached: Reached) -> None:
        self._subscriptions = subscriptions
        self._reached = reached
        self._count_sessions = count_sessions

    def collect(self) -> Iterator[Metric]:
        """Return the metrics."""
        subscriptions = self._subscriptions
        yield GaugeMetricFamily("cstr_opcua_sessions", "Sessions of clients.", value=self._count_sessions())
        yield GaugeMetricFamily("cstr_opcua_subscriptions", "Subscriptions.", value=len(subscriptions))
        items = GaugeMetricFamily(
            "cstr_opcua_monitored_items", "Monitored items, kept as columns or one by one.", labels=["kept"]
        )
        items.add_metric(["columns"], subscriptions.item_count - subscriptions.single_count)
        items.add_metric(["one by one"], subscriptions.single_count)
        yield items
        yield CounterMetricFamily(
            "cstr_opcua_queue_overflows", "Samples that full queues have dropped.", value=subscriptions.overflows
        )
        reached = CounterMetricFamily(
            "cstr_limit_reached", "What clients were refused by each of server.limits.", labels=["limit"]
        )
        for limit, count in list(self._reached.counts.items()):
            reached.add_metric([limit], count)
        yield reached
        yield CounterMetricFamily(
            "cstr_opcua_notifications", "Monitored item notifications published.", value=subscriptions.published
        )
