"""Messages that wait to be acknowledged (OPC 10000-4 v1.05 §5.14.1.2): each subscription's, within bounds for all."""

from __future__ import annotations

MOST_KEPT = 200
"""Messages of a subscription; beyond it the oldest can no longer be republished."""
MOST_BYTES = 256 << 20
"""Of all subscriptions; beyond it the one that has most loses its older half."""


class Retransmission:
    """The messages of one subscription, by sequence number."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._messages: dict[int, bytes] = {}
        self.size = 0
        """Bytes."""
        self.discarded = 0
        """Messages that were forgotten before they were acknowledged."""

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def available(self) -> list[int]:
        """Sequence numbers, the oldest first."""
        return list(self._messages)

    def keep(self, sequence_number: int, message: bytes) -> None:
        """Keep one more message."""
        self._messages[sequence_number] = message
        self.size += len(message)
        self._store.size += len(message)
        while len(self._messages) > MOST_KEPT:
            self.forget_oldest()
        self._store.trim()

    def get(self, sequence_number: int) -> bytes | None:
        """Return a message; None when it is not, or no longer, here."""
        return self._messages.get(sequence_number)

    def forget(self, sequence_number: int) -> bool:
        """Forget a message; False when it is not here."""
        message = self._messages.pop(sequence_number, None)
        if message is None:
            return False
        self.size -= len(message)
        self._store.size -= len(message)
        return True

    def forget_oldest(self) -> None:
        """Forget the oldest message."""
        self.discarded += 1
        self.forget(next(iter(self._messages)))

    def close(self) -> None:
        """Forget all messages: the subscription ends."""
        self._messages.clear()
        self._store.size -= self.size
        self.size = 0
        self._store.remove(self)


class Store:
    """What is kept for all subscriptions."""

    def __init__(self) -> None:
        self._all: dict[Retransmission, None] = {}
        self.size = 0
        """Bytes."""

    def open(self) -> Retransmission:
        """Begin to keep messages for a subscription."""
        kept = Retransmission(self)
        self._all[kept] = None
        return kept

    def remove(self, kept: Retransmission) -> None:
        """Keep nothing for a subscription any longer."""
        del self._all[kept]

    def trim(self) -> None:
        """Forget what is beyond the bounds, by halves, so that it is not to be done for every message."""
        while self.size > MOST_BYTES:
            largest = max(self._all, key=lambda kept: kept.size)
            half = largest.size // 2
            while largest.size > half:
                largest.forget_oldest()
