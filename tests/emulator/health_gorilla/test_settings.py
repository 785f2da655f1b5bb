import pytest
from pydantic import ValidationError

from gateway.emulator.health_gorilla.settings import HealthGorillaSettings


def test_defaults_are_those_of_the_documents() -> None:
    settings = HealthGorillaSettings()
    assert (settings.sync_seconds, settings.token_seconds, settings.paging) == (60, 3_600, "cursor")
    assert settings.requests_per_second == 0, "the sandbox enforces no rate"


@pytest.mark.parametrize(
    "wrong", [{"patients": 1}, {"paging": "page"}, {"colour": 1}, {"clients": {"x": {"versions": ["R5"]}}}]
)
def test_wrong_value_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HealthGorillaSettings.model_validate(wrong)
