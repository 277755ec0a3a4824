"""The historian's counts; `ingested = stored + rejected`, each rejection with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters that outside checks read too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._stored = Counter("cstr_samples_stored", "Samples stored, each once.", ["signal"], registry=registry)
        self._stored_of: dict[str, Counter] = {}
        """The same by signal: to look for a label costs as much as to store a sample."""
        self._rejected = Counter("cstr_samples_rejected", "Samples not stored.", ["reason"], registry=registry)
        self._received = Counter(
            "cstr_samples_received",
            "Samples in notifications, fetched, and payloads that are no commands.",
            registry=registry,
        )
        self._overflowed = Counter(
            "cstr_samples_overflowed",
            "Samples marked Overflow: before or after each of them the server's queue has lost some.",
            registry=registry,
        )
        self._published = Counter("cstr_samples_published", "Samples acknowledged by the broker.", registry=registry)
        self._confirmed = Counter("cstr_samples_confirmed", "Samples that InfluxDB has.", registry=registry)
        self._sent_again = Counter(
            "cstr_samples_sent_again",
            "Samples written to InfluxDB by the historian, since MQTT has not brought them in time.",
            registry=registry,
        )
        self._commands = Counter("cstr_commands", "Commands from MQTT.", ["result"], registry=registry)
        self._unaudited = Counter(
            "cstr_audit_dropped", "Commands from MQTT that are not in the audit trail.", registry=registry
        )
        self._dropped = Counter(
            "cstr_outbox_dropped",
            "Samples stored, but not published, or not confirmed, in every format.",
            registry=registry,
        )
        self._lag = Gauge(
            "cstr_source_lag_seconds",
            "From the server's clock to the arrival here.",
            registry=registry,
        )
        self._gaps = Gauge(
            "cstr_refused_gaps",
            "Signals of which samples may be missing, and whose history the server does not tell.",
            registry=registry,
        )
        self._age = Gauge(
            "cstr_outbox_age_seconds", "How long the oldest sample that is not confirmed waits.", registry=registry
        )
        self._outbox = Gauge(
            "cstr_outbox_samples",
            "Samples stored, and not yet sent in every format, or not confirmed.",
            registry=registry,
        )
        self._behind = Gauge(
            "cstr_outbox_behind_samples",
            "Those of them that a format has not sent, or not confirmed.",
            ["format"],
            registry=registry,
        )

    def received(self, count: int) -> None:
        """Count what arrived: all of it is then stored or rejected."""
        self._received.inc(count)

    def overflowed(self, count: int) -> None:
        """Count what tells of others that were lost before they were sent."""
        self._overflowed.inc(count)

    def stored(self, counts: Iterable[tuple[str, int]]) -> None:
        """Count what was committed of each signal."""
        for signal, count in counts:
            counter = self._stored_of.get(signal)
            if counter is None:
                counter = self._stored_of[signal] = self._stored.labels(signal)
            counter.inc(count)

    def rejected(self, reason: str, count: int) -> None:
        """Count what was not."""
        if count:
            self._rejected.labels(reason).inc(count)

    def published(self, count: int) -> None:
        """Count what the broker acknowledged."""
        self._published.inc(count)

    def confirmed(self, count: int) -> None:
        """Count what InfluxDB has."""
        self._confirmed.inc(count)

    def sent_again(self, count: int) -> None:
        """Count what MQTT has not brought."""
        self._sent_again.inc(count)

    def dropped(self, count: int) -> None:
        """Count what will not be published, or not be confirmed."""
        self._dropped.inc(count)

    def command(self, result: str, count: int = 1) -> None:
        """Count commands by their outcome."""
        self._commands.labels(result).inc(count)

    def unaudited(self) -> None:
        """Count a command that the trail lacks."""
        self._unaudited.inc()

    def lag(self, seconds: float) -> None:
        """Say how late samples arrive."""
        self._lag.set(seconds)

    def refused_gaps(self, signals: int) -> None:
        """Say how many signals' gaps stay open."""
        self._gaps.set(signals)

    def outbox(self, samples: int, age_s: float, behind: Mapping[str, int]) -> None:
        """Say how much waits, how long the oldest of it, and how much of it for each format."""
        self._outbox.set(samples)
        self._age.set(age_s)
        for name, count in behind.items():
            self._behind.labels(name).set(count)
