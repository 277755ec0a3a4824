"""What is counted of a subscription (OPC 10000-5 v1.05 §12.15): once a request or a message, never once a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SubscriptionCounts:
    """Since it was created, or the diagnostics were enabled."""

    modified: int = 0
    enabled: int = 0
    disabled: int = 0
    republish_requests: int = 0
    republished: int = 0
    transfer_requests: int = 0
    to_other_client: int = 0
    to_same_client: int = 0
    publish_requests: int = 0
    """Publish requests answered."""
    data_changes: int = 0
    events: int = 0
    late: int = 0
    """How often there was something to say and no request to say it by."""
    keep_alives: int = 0
    event_overflows_before: int = 0
    """Events that told of lost ones, when it was begun to count."""
    overflows_before: int = 0
    """Samples that full queues had dropped when it was begun to count."""
    discarded_before: int = 0
    """Messages that had been forgotten before they were acknowledged."""
