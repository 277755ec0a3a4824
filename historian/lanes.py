"""What each reactor's samples wait for, on their way to the broker and to where they are confirmed: pure.

A reactor has a lane of its own, in order; what is lost of one is sent again without the others' waiting for it.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from timeseries.columns import Columns

MOST_TOGETHER = 2000
"""Samples of a shipment that others are added to."""
ROOM = 60_000
"""Samples that are sent and not yet confirmed: what is beyond waits on disk, not in the broker.

Telegraf writes so many within the broker's `ack_wait`; what takes longer is sent to it a second time.
"""
FIRST_PATIENCE_S, LONGEST_PATIENCE_S = 10.0, 3600.0
"""How long a confirmation may take until all is sent again; each time in vain twice as long."""
MOST_IN_VAIN = 5
"""Then what is lacking while later samples are there is not sent any more."""
MOST_ASKED = 4096
"""Shipments that a confirmation is asked of at once."""
MOST_WRITTEN = 4
"""Shipments that are written to InfluxDB at once."""
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


@dataclass(slots=True)
class _Entry:
    shipment: Shipment
    tries: int = 0
    """How often it has been sent."""


class Lane:
    """The shipments of one reactor: those that were counted, behind them those sent, and those that are not."""

    def __init__(self) -> None:
        self._counted: deque[tuple[float, _Entry]] = deque()
        """Each with when it was."""
        self._sent: deque[_Entry] = deque()
        self._flying: list[_Entry] = []
        """What is being sent, at most one."""
        self._held: deque[_Entry] = deque()
        self._under_way = 0
        """Samples of those sent."""
        self._asking = 1
        """Shipments that a confirmation is asked of at once."""
        self._since = 0.0
        """When there was hope last: something was sent into an empty lane, or confirmed, or all sent again."""
        self._is_to_be_sent_again = False
        self._is_passed = False
        """True when the oldest is lacking, and some of what was sent after it is not."""

    def offer(self, shipment: Shipment) -> None:
        """Put samples at the end."""
        last = self._held[-1] if self._held else None
        both = last.shipment.joined(shipment) if last is not None and last.tries == 0 else None
        if last is not None and both is not None and both.count <= MOST_TOGETHER:
            last.shipment = both
        else:
            self._held.append(_Entry(shipment))

    def has_room(self, room: int) -> bool:
        """False while so many samples are sent and not confirmed."""
        return self._under_way < room

    @property
    def oldest(self) -> Shipment | None:
        """What is not confirmed, or not even sent."""
        counted = (entry for _, entry in self._counted)
        first = next(chain(counted, self._sent, self._flying, self._held), None)
        return first.shipment if first is not None else None

    def take(self, room: int = ROOM) -> Shipment | None:
        """Return what is to be sent next, which is then `sent`, `put_back` or lost; None for nothing, or no room."""
        if self._is_to_be_sent_again:
            self._held.extendleft(reversed(self._sent))
            self._sent.clear()
            self._under_way, self._is_to_be_sent_again = 0, False
        if not self._held or not self.has_room(room):
            return None
        self._flying.append(self._held.popleft())
        return self._flying[0].shipment

    def sent(self, shipment: Shipment, now: float) -> None:
        """Note that of what was taken so much has been sent: all that was still there."""
        if not self._sent:
            self._since = now
        entry = self._flying.pop()
        entry.shipment, entry.tries = shipment, entry.tries + 1
        self._sent.append(entry)
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
        return _joined(entry.shipment for entry in islice(self._sent, self._asking))

    def doubtful(self, block: int) -> Shipment | None:
        """Return some of what was sent of the blocks up to a number, from the oldest on."""
        doubtful = itertools.takewhile(lambda entry: entry.shipment.blocks[0] <= block, self._sent)
        return _joined(entry.shipment for entry in islice(doubtful, MOST_WRITTEN))

    def behind(self) -> Shipment | None:
        """Return what was sent after the oldest, where that was sent again and is lacking still; else None."""
        if self._asking > 1 or len(self._sent) < 2 or self._sent[0].tries < 2:
            return None
        return _joined(entry.shipment for entry in islice(self._sent, 1, None))

    def answer(self, asked: Shipment, count: int, now: float) -> None:
        """Take how many samples are there of what was asked."""
        if count >= asked.count:
            while self._sent and self._sent[0].shipment.seqs[1] <= asked.seqs[1]:
                self._counted.append((now, self._sent.popleft()))
                self._under_way -= self._counted[-1][1].shipment.count
            self._asking = min(2 * self._asking, MOST_ASKED)
            self._is_passed, self._since = False, now
        else:
            self._asking = max(1, self._asking // 2)

    def believe(self, seen: float) -> int:
        """Let go of what was counted long enough before a time; return how many samples."""
        samples = 0
        while self._counted and seen - self._counted[0][0] >= BELIEVED_AFTER_S:
            samples += self._counted.popleft()[1].shipment.count
        return samples

    def doubt(self, now: float) -> None:
        """Have all be asked of again that was not yet believed."""
        self._under_way += sum(entry.shipment.count for _, entry in self._counted)
        self._sent.extendleft(entry for _, entry in reversed(self._counted))
        self._counted.clear()
        self._is_passed, self._since = False, now

    def passed(self, now: float) -> None:
        """Note that there are samples that were sent after the oldest, which is lacking."""
        if not self._is_passed:
            self._is_passed, self._since = True, now
            for entry in self._sent:
                entry.tries = 1

    def send_again(self, now: float) -> int:
        """Have all be sent again that is waited for too long; return how many samples."""
        if not self._sent or self._asking > 1:
            return 0
        patience = FIRST_PATIENCE_S * 2 ** min(self._sent[0].tries - 1, 16)
        if now - self._since < min(patience, LONGEST_PATIENCE_S):
            return 0
        self._since, self._is_to_be_sent_again = now, True
        return self._under_way

    def give_up(self, now: float) -> Shipment | None:
        """Forget the oldest where it was passed and sent again often; return it, or None."""
        if not self._is_passed or not self._sent or self._sent[0].tries <= MOST_IN_VAIN:
            return None
        oldest = self._sent.popleft().shipment
        self._under_way -= oldest.count
        self._since = now
        return oldest

    def forget(self, seq: int) -> None:
        """Forget samples up to a number."""
        while self._counted and self._counted[0][1].shipment.seqs[1] <= seq:
            self._counted.popleft()
        while self._sent and self._sent[0].shipment.seqs[1] <= seq:
            self._under_way -= self._sent.popleft().shipment.count
        while self._held and not self._sent and not self._flying and self._held[0].shipment.seqs[1] <= seq:
            self._held.popleft()

    def drop(self, block: int) -> None:
        """Forget what stands in blocks up to a number."""
        for entry in (*(entry for _, entry in self._counted), *self._sent, *self._held):
            if entry.shipment.blocks[1] > block:
                break
            self.forget(entry.shipment.seqs[1])


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


def _joined(shipments: Iterable[Shipment]) -> Shipment | None:
    """Return as many of the first as follow each other."""
    found: Shipment | None = None
    for shipment in shipments:
        both = shipment if found is None else found.joined(shipment)
        if both is None:
            break
        found = both
    return found
