"""The own certificates of a service that runs: read anew when they change, renewed, and told of before they end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.errors import CouldNotRun
from runtime.pki.identity import CERTIFICATES, KEYS, Identity, read_identities
from runtime.pki.issuing import is_ours
from runtime.pki.own import RENEWAL, SERVER, own_identities
from runtime.pki.store import listing_of

log = logging.getLogger("pki")

DAY_S = 86_400.0
LOOK_S = 1.0
"""How often the folders are looked at, at most: each new connection asks."""


class OwnCertificates(Collector):
    """One application's certificates; as a collector, the days that are left of the one that is shown.

    Raises:
        CouldNotRun: naming files that cannot be used.
    """

    def __init__(
        self,
        pki: Path,
        hosts: Sequence[str] = (),
        application: str = SERVER,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pki = pki
        self._hosts = hosts
        self._application = application
        self._now = now
        self._identities = own_identities(pki, hosts, application, at=now())
        self._listing = self._listed()
        self._looked = time.monotonic()

    def present(self) -> tuple[Identity, ...]:
        """Return the certificate to show, then the others that are accepted."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._look()
        return self._identities

    async def keep(self) -> None:
        """Renew what is due and tell of what ends, at once and daily; for ever."""
        while True:
            await asyncio.to_thread(self.tend)
            await asyncio.sleep(DAY_S)

    def tend(self) -> None:
        """Renew what is due and tell of what ends."""
        now = self._now()
        try:
            self._identities = own_identities(self._pki, self._hosts, self._application, at=now)
        except (CouldNotRun, OSError) as error:
            log.error("own certificates cannot be renewed: %s", error)
        warning = ending(self._identities, self._application, now)
        if warning is not None:
            log.warning("%s", warning)

    def collect(self) -> Iterator[Metric]:
        """Return the metric."""
        metric = GaugeMetricFamily(
            "cstr_certificate_days_left", "Days until the certificate that is shown ends.", labels=["application"]
        )
        left = self._identities[0].not_after - self._now()
        metric.add_metric([self._application], left / timedelta(days=1))
        yield metric

    def _look(self) -> None:
        self._looked = time.monotonic()
        listing = self._listed()
        ended = self._identities[0].not_after <= self._now()
        if listing == self._listing and not ended:
            return
        self._listing = listing
        try:
            self._identities = read_identities(self._pki, self._application, self._now()) or self._identities
        except CouldNotRun as error:
            log.warning("the certificates that were there are kept: %s", error)

    def _listed(self) -> list[dict[Path, tuple[int, int]]]:
        return [listing_of(self._pki / folder) for folder in (CERTIFICATES, KEYS, "issuer/certs", "ca/certs")]


def ending(identities: Sequence[Identity], application: str, at: datetime) -> str | None:
    """Return what to do about a certificate that is shown and ends soon; None when there is nothing to be done."""
    shown, *accepted = identities
    days = (shown.not_after - at) // timedelta(days=1)
    if shown.not_after - at > RENEWAL:
        return None
    when = f"{shown.certificate} ends in {days} days" if days >= 0 else f"{shown.certificate} has ended"
    if not is_ours(shown.parsed, application):
        return f"{when} and is not ours to renew: put a new one there, with its key"
    if accepted:
        successor = accepted[0]
        return f"{when}; until then, have clients trust its successor {successor.certificate} or the CA that issued it"
    return f"{when}; make a successor with `cstr-gateway certs renew`"
