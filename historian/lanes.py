"""What each reactor's samples wait for, on their way to the broker and to where they are confirmed: pure.

A reactor has a lane of its own, in order; what is lost of one is waited for without the others' waiting for it.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from timeseries.columns import Columns

MOST_TOGETHER = 2000
"""Samples of a shipment that others are added to, and of those that are written to InfluxDB at once."""
ROOM = 60_000
"""Samples that are sent and not yet confirmed: what is beyond waits on disk, not in the broker, nor in Telegraf."""
MOST_ASKED = 4096
"""Shipments that a confirmation is asked of at once."""
BELIEVED_AFTER_S = 5.0
"""How long what was counted has to have been there: what is counted first is written to disk a moment later."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """Samples of one reactor that stand together in the outbox."""

    blocks: tuple[int, int]
    """Numbers of the first and the last."""
    seqs: tuple[int, int]
    times: tuple[int, int]
    """The earliest and the latest SourceTimestamp."""

    @classmethod
    def of(cls, parts: Sequence[tuple[int, Columns]]) -> Shipment:
        """Return what stands in some blocks: of each its number, and samples of the reactor."""
        columns = [each for _, each in parts]
        times = min(int(each.times.min()) for each in columns), max(int(each.times.max()) for each in columns)
        return cls((parts[0][0], parts[-1][0]), (int(columns[0].seqs[0]), int(columns[-1].seqs[-1])), times)

    @property
    def count(self) -> int:
        """How many samples: their numbers have no holes."""
        return self.seqs[1] - self.seqs[0] + 1

    def joined(self, later: Shipment) -> Shipment | None:
        """Return both; None where they do not follow each other."""
        if later.seqs[0] != self.seqs[1] + 1:
            return None
        times = (min(self.times[0], later.times[0]), max(self.times[1], later.times[1]))
        return Shipment((self.blocks[0], later.blocks[1]), (self.seqs[0], later.seqs[1]), times)


class Lane:
    """The shipments of one reactor: those that were counted, behind them those sent, and those that are not."""

    def __init__(self) -> None:
        self._counted: deque[tuple[float, Shipment]] = deque()
        """Each with when it was."""
        self._sent: deque[Shipment] = deque()
        self._flying: list[Shipment] = []
        """What is being sent, at most one."""
        self._held: deque[Shipment] = deque()
        self._under_way = 0
        """Samples of those sent."""
        self._asking = 1
        """Shipments that a confirmation is asked of at once."""
        self._since = 0.0
        """When there was hope last: something was sent into an empty lane, or confirmed, or written."""

    def offer(self, shipment: Shipment) -> None:
        """Put samples at the end."""
        both = self._held[-1].joined(shipment) if self._held else None
        if both is not None and both.count <= MOST_TOGETHER:
            self._held[-1] = both
        else:
            self._held.append(shipment)

    def has_room(self, room: int) -> bool:
        """False while so many samples are sent and not confirmed."""
        return self._under_way < room

    @property
    def oldest(self) -> Shipment | None:
        """What is not confirmed, or not even sent."""
        counted = (shipment for _, shipment in self._counted)
        return next(chain(counted, self._sent, self._flying, self._held), None)

    def take(self, room: int = ROOM) -> Shipment | None:
        """Return what is to be sent next, which is then `sent`, `put_back` or lost; None for nothing, or no room."""
        if not self._held or not self.has_room(room):
            return None
        self._flying.append(self._held.popleft())
        return self._flying[0]

    def sent(self, shipment: Shipment, now: float) -> None:
        """Note that of what was taken so much has been sent: all that was still there."""
        if not self._sent:
            self._since = now
        self._flying.clear()
        self._sent.append(shipment)
        self._under_way += shipment.count

    def put_back(self) -> None:
        """Note that what was taken was perhaps not sent."""
        self._held.extendleft(self._flying)
        self._flying.clear()

    def lose(self) -> None:
        """Note that what was taken is no more in the outbox."""
        self._flying.clear()

    def confirm_all(self) -> None:
        """Forget all that was sent."""
        self._sent.clear()
        self._under_way = 0

    def asked(self) -> Shipment | None:
        """Return what a confirmation is asked of: some of what was sent, from the oldest on."""
        return _joined(islice(self._sent, self._asking))

    def sent_to(self, block: int) -> Shipment | None:
        """Return some of what was sent of the blocks up to a number, from the oldest on."""
        return _joined(itertools.takewhile(lambda each: each.blocks[0] <= block, self._sent), MOST_TOGETHER)

    def answer(self, asked: Shipment, count: int, now: float) -> None:
        """Take how many samples are there of what was asked."""
        if count >= asked.count:
            while self._sent and self._sent[0].seqs[1] <= asked.seqs[1]:
                self._counted.append((now, self._sent.popleft()))
                self._under_way -= self._counted[-1][1].count
            self._asking = min(2 * self._asking, MOST_ASKED)
            self._since = now
        else:
            self._asking = max(1, self._asking // 2)

    def overdue(self, now: float, patience_s: float) -> int:
        """Return up to which block all that was sent is waited for too long, its oldest lacking; 0 for none."""
        is_overdue = self._sent and self._asking == 1 and now - self._since >= patience_s
        return self._sent[-1].blocks[1] if is_overdue else 0

    def written(self, shipment: Shipment, now: float) -> None:
        """Wait no more for what was sent up to the end of this."""
        while self._sent and self._sent[0].seqs[1] <= shipment.seqs[1]:
            self._under_way -= self._sent.popleft().count
        self._since = now

    def believe(self, seen: float) -> int:
        """Let go of what was counted long enough before a time; return how many samples."""
        samples = 0
        while self._counted and seen - self._counted[0][0] >= BELIEVED_AFTER_S:
            samples += self._counted.popleft()[1].count
        return samples

    def doubt(self, now: float) -> None:
        """Have all be asked of again that was not yet believed."""
        self._under_way += sum(shipment.count for _, shipment in self._counted)
        self._sent.extendleft(shipment for _, shipment in reversed(self._counted))
        self._counted.clear()
        self._since = now

    def forget(self, seq: int) -> None:
        """Forget samples up to a number."""
        while self._counted and self._counted[0][1].seqs[1] <= seq:
            self._counted.popleft()
        while self._sent and self._sent[0].seqs[1] <= seq:
            self._under_way -= self._sent.popleft().count
        while self._held and not self._sent and not self._flying and self._held[0].seqs[1] <= seq:
            self._held.popleft()

    def drop(self, block: int) -> None:
        """Forget what stands in blocks up to a number."""
        for shipment in (*(shipment for _, shipment in self._counted), *self._sent, *self._held):
            if shipment.blocks[1] > block:
                break
            self.forget(shipment.seqs[1])


class Lanes:
    """All reactors'."""

    def __init__(self, offered: int = 0) -> None:
        """`offered`: up to which block all of the outbox is there already."""
        self._lanes: dict[str, Lane] = {}
        self.offered = offered
        """Up to which block the outbox is in the lanes."""
        self.doubtful_to = 0
        """Up to which block it does not tell anything that a sample is counted."""

    def __iter__(self) -> Iterator[tuple[str, Lane]]:
        """Go through those of now: more may come meanwhile."""
        return iter(list(self._lanes.items()))

    @property
    def room(self) -> int:
        """A reactor's share of the room, though never too little to send anything."""
        return max(MOST_TOGETHER, ROOM // max(1, len(self._lanes)))

    @property
    def have_room(self) -> bool:
        """True when some reactor's samples may be sent, or none are known."""
        room = self.room
        return not self._lanes or any(lane.has_room(room) for lane in self._lanes.values())

    def offer(self, block: int, parts: Mapping[str, Columns]) -> None:
        """Put a block's samples, each reactor's, into the lanes."""
        for reactor, mine in parts.items():
            self._lanes.setdefault(reactor, Lane()).offer(Shipment.of([(block, mine)]))
        self.offered = block

    @property
    def done(self) -> int:
        """Up to which block nothing waits any more."""
        waiting = [oldest.blocks[0] - 1 for lane in self._lanes.values() if (oldest := lane.oldest) is not None]
        return min(waiting, default=self.offered)

    def drop(self, block: int) -> None:
        """Forget what stands in blocks up to a number."""
        for lane in self._lanes.values():
            lane.drop(block)
        self.offered = max(self.offered, block)


def _joined(shipments: Iterable[Shipment], most: float = math.inf) -> Shipment | None:
    """Return as many of the first as follow each other; of two and more at most so many samples."""
    found: Shipment | None = None
    for shipment in shipments:
        both = shipment if found is None else found.joined(shipment)
        if both is None or (found is not None and both.count > most):
            break
        found = both
    return found
