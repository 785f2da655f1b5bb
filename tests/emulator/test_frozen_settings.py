"""Groups of settings are immutable and reject unknown names."""

import pytest
from pydantic import ValidationError

from gateway.emulator.frozen_settings import FrozenSettings


class Example(FrozenSettings):
    size: int = 1


def test_settings_are_frozen_and_reject_unknown_names() -> None:
    with pytest.raises(ValidationError):
        Example(size=2).size = 3  # type: ignore[misc] # the test asserts immutability
    with pytest.raises(ValidationError):
        Example.model_validate({"length": 2})
