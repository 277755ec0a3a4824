"""How much the OPC UA server does for its clients; the bounds of each limit are what its process can stand."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from runtime.fields import Number, Whole
from runtime.section import Section

KIB, MIB = 1 << 10, 1 << 20


class LimitSettings(Section):
    """Past each a client is told by its Bad code, and `cstr_limit_reached_total` counts."""

    connections: Whole = Field(default=1_000, ge=10, le=20_000)
    sessions: Whole = Field(default=1_000, ge=1, le=20_000)
    sessions_per_user: Whole = Field(default=100, ge=1, le=20_000)
    subscriptions: Whole = Field(default=2_000, ge=1, le=100_000)
    subscriptions_per_session: Whole = Field(default=500, ge=1, le=100_000)
    subscriptions_without_session: Whole = Field(default=200, ge=0, le=100_000)
    """They wait to be transferred, and are sampled in vain: the oldest end."""
    monitored_items: Whole = Field(default=1_000_000, ge=1, le=10_000_000)
    monitored_items_per_subscription: Whole = Field(default=100_000, ge=1, le=10_000_000)
    publish_requests_per_session: Whole = Field(default=100, ge=2, le=10_000)
    message_bytes: Whole = Field(default=16 * MIB, ge=64 * KIB, le=256 * MIB)
    chunk_bytes: Whole = Field(default=64 * KIB - 1, ge=8 * KIB, le=MIB)
    chunks: Whole = Field(default=4_096, ge=1, le=65_536)
    """Of a message."""
    array_length: Whole = Field(default=65_536, ge=10_000, le=1_000_000)
    """No shorter than the calls of ten thousand operations that the server takes."""
    string_bytes: Whole = Field(default=64 * KIB, ge=4 * KIB, le=16 * MIB)
    byte_string_bytes: Whole = Field(default=MIB, ge=64 * KIB, le=64 * MIB)
    nesting: Whole = Field(default=100, ge=4, le=100)
    """Of Variants and ExtensionObjects; 100 is what OPC 10000-6 v1.05 §5.1.9 wants supported."""
    handshake_s: Number = Field(default=30.0, ge=1.0, le=600.0)
    """From the connection to an activated session."""
    idle_s: Number = Field(default=3_600.0, ge=10.0, le=86_400.0)
    """Without a message of the client, its channel is closed."""
    token_lifetime_min_s: Number = Field(default=10.0, ge=1.0, le=3_600.0)
    token_lifetime_max_s: Number = Field(default=3_600.0, ge=10.0, le=86_400.0)
    unsent_bytes: Whole = Field(default=64 * MIB, ge=8 * MIB, le=1024 * MIB)
    """Not read by a client: it is disconnected."""

    def conflicts(self) -> Iterator[tuple[str, str]]:
        """Yield the limits that are greater than those above them."""
        for part, whole in (
            ("sessions_per_user", "sessions"),
            ("subscriptions_per_session", "subscriptions"),
            ("monitored_items_per_subscription", "monitored_items"),
            ("chunk_bytes", "message_bytes"),
            ("byte_string_bytes", "message_bytes"),
            ("string_bytes", "message_bytes"),
            ("token_lifetime_min_s", "token_lifetime_max_s"),
        ):
            most = getattr(self, whole)
            if getattr(self, part) > most:
                yield part, f"{getattr(self, part)} is more than {whole}; allowed is {most} at most"
