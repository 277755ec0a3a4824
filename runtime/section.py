"""A section of the settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen, refuses unknown keys, hides secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
