"""All subscriptions of the server, and whose they are: a session's, or nobody's while they wait for a transfer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from asyncua import ua
from asyncua.crypto.permission_rules import User

from opcua_server.monitoring.event import Event
from opcua_server.monitoring.publish_queue import PublishQueue
from opcua_server.monitoring.subscription import Subscription

_NOBODY_KNOWN = (None, "")
"""Anonymous, of an application that has no ApplicationUri."""


class Owner(Protocol):
    """A session, as far as its subscriptions are concerned."""

    id: ua.NodeId
    queue: PublishQueue
    subscriptions: dict[int, Subscription]

    @property
    def user(self) -> User:
        """Who is logged in."""

    @property
    def application_uri(self) -> str:
        """Of the client."""

    @property
    def roles(self) -> frozenset[str]:
        """Of the user."""

    @property
    def security_mode(self) -> ua.MessageSecurityMode:
        """Of the secure channel."""


MayReceive = Callable[[Event, frozenset[str], ua.MessageSecurityMode], bool]
"""Tells whether an event is for a session of such roles and SecurityMode."""


@dataclass(slots=True)
class Tenure:
    """Whose a subscription is, or was last."""

    subscription: Subscription
    owner: Owner | None
    whom: tuple[str | None, str]
    application_uri: str
    roles: frozenset[str] = frozenset()
    mode: ua.MessageSecurityMode = ua.MessageSecurityMode.None_
    """As `roles`, of the last owner, while there is none."""


class Subscriptions:
    """Found by their ids."""

    def __init__(self, may_receive: MayReceive) -> None:
        self._may_receive = may_receive
        self._tenures: dict[int, Tenure] = {}
        self._listening: dict[int, Subscription] = {}
        """Those with items on event notifiers."""
        self._abandoned: dict[int, Subscription] = {}
        """Those without a session, the oldest first."""
        self.created = 0
        """Since the server was started, or the diagnostics were enabled."""
        self._ended_overflows = 0
        self._ended_published = 0

    def __len__(self) -> int:
        return len(self._tenures)

    def __iter__(self) -> Iterator[Subscription]:
        return iter([tenure.subscription for tenure in list(self._tenures.values())])

    def get(self, subscription_id: int) -> Subscription | None:
        """Return anybody's subscription."""
        tenure = self._tenures.get(subscription_id)
        return tenure.subscription if tenure is not None else None

    def tenure(self, subscription: Subscription) -> Tenure:
        """Return whose it is."""
        return self._tenures[subscription.id]

    def session_of(self, subscription_id: int) -> ua.NodeId:
        """Return the SessionId of the session it belongs to, null while it waits for a transfer."""
        tenure = self._tenures.get(subscription_id)
        return tenure.owner.id if tenure is not None and tenure.owner is not None else ua.NodeId()

    def add(self, subscription: Subscription, owner: Owner) -> None:
        """Take a new one."""
        self.created += 1
        self.give(subscription, owner)

    def give(self, subscription: Subscription, owner: Owner) -> None:
        """Let it be a session's from now on."""
        self._abandoned.pop(subscription.id, None)
        self._tenures[subscription.id] = Tenure(subscription, owner, whom(owner), owner.application_uri)
        owner.subscriptions[subscription.id] = subscription
        subscription.queue = owner.queue

    def abandon(self, subscription: Subscription) -> None:
        """Let it wait for a transfer."""
        tenure = self._tenures[subscription.id]
        assert tenure.owner is not None  # noqa: S101
        tenure.roles, tenure.mode = tenure.owner.roles, tenure.owner.security_mode
        del tenure.owner.subscriptions[subscription.id]
        tenure.owner = subscription.queue = None
        self._abandoned[subscription.id] = subscription

    def abandoned_beyond(self, most: int) -> list[Subscription]:
        """Return those that wait and are too many, the oldest first."""
        return list(self._abandoned.values())[: max(0, len(self._abandoned) - most)]

    def remove(self, subscription: Subscription) -> None:
        """Forget one that ends, but not what it lost and sent."""
        tenure = self._tenures.pop(subscription.id)
        if tenure.owner is not None:
            del tenure.owner.subscriptions[subscription.id]
        self._listening.pop(subscription.id, None)
        self._abandoned.pop(subscription.id, None)
        subscription.queue = None
        self._ended_overflows += subscription.items.overflows
        self._ended_published += subscription.published

    def note_items(self, subscription: Subscription) -> None:
        """Take note that its items have changed."""
        if subscription.items.takes_events:
            self._listening[subscription.id] = subscription
        else:
            self._listening.pop(subscription.id, None)

    @property
    def is_listening(self) -> bool:
        """True when an event may be for anybody."""
        return bool(self._listening)

    def notify(self, event: Event) -> None:
        """Queue an event for all who monitor it and may have it."""
        for subscription in self._listening.values():
            tenure = self._tenures[subscription.id]
            owner = tenure.owner
            roles, mode = (owner.roles, owner.security_mode) if owner is not None else (tenure.roles, tenure.mode)
            if self._may_receive(event, roles, mode):
                subscription.items.notify(event)

    def count_anew(self) -> None:
        """Begin to count for diagnostics."""
        self.created = len(self)
        for subscription in self:
            subscription.count_anew()

    @property
    def item_count(self) -> int:
        """Monitored items of all subscriptions; this and what follows is asked by another thread, too."""
        return sum(len(subscription.items) for subscription in self)

    @property
    def single_count(self) -> int:
        """Those of them that are kept one by one."""
        return sum(subscription.items.singles for subscription in self)

    @property
    def overflows(self) -> int:
        """Samples that full queues have dropped."""
        return self._ended_overflows + sum(subscription.items.overflows for subscription in self)

    @property
    def published(self) -> int:
        """Monitored item notifications sent, those sent again not counted."""
        return self._ended_published + sum(subscription.published for subscription in self)


def whom(owner: Owner) -> tuple[str | None, str]:
    """Return what must be the same for a transfer (OPC 10000-4 v1.05 §5.14.7.1): the user, or else the application.

    The clause wants a signed channel, too; here an Anonymous client without security can take up its subscriptions
    as well, by an ApplicationUri that it only says: it could read the same values anyway.
    """
    name = owner.user.name
    return name, "" if name else owner.application_uri


def may_take(owner: Owner, tenure: Tenure) -> bool:
    """Tell whether a session may take a subscription over."""
    mine = whom(owner)
    return mine != _NOBODY_KNOWN and mine == tenure.whom
