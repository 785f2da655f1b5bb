"""The shape of a group of settings."""

from pydantic import BaseModel, ConfigDict


class FrozenSettings(BaseModel):
    """Immutable settings that reject unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
