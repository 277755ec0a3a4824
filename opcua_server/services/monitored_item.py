"""MonitoredItem service set (OPC 10000-4 v1.05 §5.13).

asyncua compares deadbands with the last sample, ignores queue sizes, sampling intervals and modes, and lets any
session touch any subscription. Here each item is agreed on as the part says and kept by `monitoring`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import ua

from opcua_server.access.rights import Rights
from opcua_server.limits import ServerLimits, require
from opcua_server.monitoring.item import Item
from opcua_server.monitoring.spec import DISABLED, REPORTING, Spec
from opcua_server.monitoring.subscription import Subscription
from opcua_server.services.agreement import Agreement, ItemRefused
from opcua_server.services.attribute import TIMES_MASKS
from opcua_server.services.event_filters import filter_result
from opcua_server.status import status_code
from plant import quality


class MonitoredItemService:
    """Agrees on monitored items; who may is the subscription service's to know."""

    def __init__(self, agreement: Agreement, limits: ServerLimits, count: Callable[[], int]) -> None:
        """`count` returns the number of items of the whole server."""
        self._agreement = agreement
        self._limits = limits
        self._count = count
        self._last_id = 0

    def create(
        self, rights: Rights, subscription: Subscription, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Create items one by one (§5.13.2)."""
        require(len(params.ItemsToCreate), self._limits.operations.max_monitored_items_per_call)
        times_mask = _times_mask(params.TimestampsToReturn)
        room, limit = min(
            (self._limits.max_monitored_items - self._count(), "monitored_items"),
            (
                self._limits.max_monitored_items_per_subscription - len(subscription.items),
                "monitored_items_per_subscription",
            ),
        )
        results: list[ua.MonitoredItemCreateResult] = []
        specs: dict[int, Spec] = {}
        for request in params.ItemsToCreate:
            try:
                if len(specs) >= room:
                    self._limits.reached.note(limit)
                    raise ItemRefused(ua.StatusCodes.BadTooManyMonitoredItems)
                mode = _mode(request.MonitoringMode)
                source = self._agreement.source(rights, request.ItemToMonitor)
                spec = self._agreement.spec(subscription, source, request.RequestedParameters, times_mask, mode)
            except ItemRefused as refused:
                results.append(
                    ua.MonitoredItemCreateResult(
                        StatusCode=status_code(refused.code), FilterResult=_extension(refused.filter_result)
                    )
                )
                continue
            self._last_id = self._last_id % 0xFFFF_FFFF + 1
            specs[self._last_id] = spec
            results.append(
                ua.MonitoredItemCreateResult(
                    MonitoredItemId=ua.UInt32(self._last_id),
                    RevisedSamplingInterval=self._agreement.told_ms(spec),
                    RevisedQueueSize=ua.UInt32(spec.size),
                    FilterResult=_extension(filter_result(spec)),
                )
            )
        subscription.items.create(specs, time.monotonic())
        return results

    def modify(
        self, subscription: Subscription, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Modify items one by one (§5.13.3)."""
        require(len(params.ItemsToModify), self._limits.operations.max_monitored_items_per_call)
        times_mask = _times_mask(params.TimestampsToReturn)
        results: list[ua.MonitoredItemModifyResult] = []
        changes: dict[int, tuple[Item, Spec]] = {}
        for request in params.ItemsToModify:
            item = subscription.items.get(request.MonitoredItemId)
            try:
                if item is None:
                    raise ItemRefused(ua.StatusCodes.BadMonitoredItemIdInvalid)
                spec = self._agreement.spec(subscription, item.spec.source, request.RequestedParameters, times_mask)
            except ItemRefused as refused:
                results.append(
                    ua.MonitoredItemModifyResult(
                        StatusCode=status_code(refused.code), FilterResult=_extension(refused.filter_result)
                    )
                )
                continue
            if item.id in changes:  # twice in one call: one after the other
                subscription.items.modify(list(changes.values()), time.monotonic())
                changes.clear()
            changes[item.id] = item, spec
            results.append(
                ua.MonitoredItemModifyResult(
                    RevisedSamplingInterval=self._agreement.told_ms(spec),
                    RevisedQueueSize=ua.UInt32(spec.size),
                    FilterResult=_extension(filter_result(spec)),
                )
            )
        subscription.items.modify(list(changes.values()), time.monotonic())
        return results

    def reassess(self, rights: Rights, subscription: Subscription) -> None:
        """Go on by other rights: what may not be read any longer is told so, what may be now is told (§5.13.2.1)."""
        items = [(item, self._agreement.source_after(rights, item.spec.source)) for item in subscription.items]
        subscription.items.set_sources(
            [(item, source) for item, source in items if source is not item.spec.source], time.monotonic()
        )

    def set_mode(self, subscription: Subscription, params: ua.SetMonitoringModeParameters) -> list[int]:
        """Set the mode of items (§5.13.4)."""
        ids = params.MonitoredItemIds or ()
        require(len(ids), self._limits.operations.max_monitored_items_per_call)
        mode = int(params.MonitoringMode)
        if not DISABLED <= mode <= REPORTING:
            raise ua.uaerrors.BadMonitoringModeInvalid
        found, results = _found(subscription, ids)
        subscription.items.set_mode(found, mode, time.monotonic())
        return results

    def set_triggering(
        self, subscription: Subscription, params: ua.SetTriggeringParameters
    ) -> tuple[list[int], list[int]]:
        """Link items to one that triggers them, and unlink them, removals first (§5.13.5)."""
        to_add, to_remove = params.LinksToAdd or (), params.LinksToRemove or ()
        require(len(to_add) + len(to_remove), self._limits.operations.max_monitored_items_per_call)
        items = subscription.items
        item = items.get(params.TriggeringItemId)
        if item is None:
            raise ua.uaerrors.BadMonitoredItemIdInvalid
        removed: list[int] = []
        for link in to_remove:
            removed.append(quality.GOOD if link in item.links else ua.StatusCodes.BadMonitoredItemIdInvalid)
            item.links -= {link}
        linked, added = _found(subscription, to_add)
        if linked:
            items.link(item, linked)
        return added, removed

    def delete(self, subscription: Subscription, params: ua.DeleteMonitoredItemsParameters) -> list[int]:
        """End items (§5.13.6)."""
        ids = params.MonitoredItemIds or ()
        require(len(ids), self._limits.operations.max_monitored_items_per_call)
        found, results = _found(subscription, ids)
        subscription.items.delete(found)
        seen: set[int] = set()
        for place, item_id in enumerate(ids):
            if item_id in seen:
                results[place] = ua.StatusCodes.BadMonitoredItemIdInvalid
            seen.add(item_id)
        return results


def _found(subscription: Subscription, ids: Sequence[int]) -> tuple[list[Item], list[int]]:
    """Return the different items of these ids, and the StatusCode of each id."""
    items = {item_id: item for item_id in ids if (item := subscription.items.get(item_id)) is not None}
    codes = [quality.GOOD if item_id in items else ua.StatusCodes.BadMonitoredItemIdInvalid for item_id in ids]
    return list(items.values()), codes


def _extension(result: ua.EventFilterResult | None) -> Any:
    """Return a FilterResult: a null ExtensionObject where there is none to give."""
    return result if result is not None else ua.ExtensionObject()


def _times_mask(wanted: int) -> int:
    mask = TIMES_MASKS.get(int(wanted))
    if mask is None:
        raise ua.uaerrors.BadTimestampsToReturnInvalid
    return mask


def _mode(wanted: int) -> int:
    if not DISABLED <= int(wanted) <= REPORTING:
        raise ItemRefused(ua.StatusCodes.BadMonitoringModeInvalid)
    return int(wanted)
