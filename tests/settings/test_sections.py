"""Every setting with its limits."""

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, ValidationError

from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings.sections import Section

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def sections(parent: type[BaseModel] = Section) -> Iterator[type[BaseModel]]:
    for each in parent.__subclasses__():
        yield each
        yield from sections(each)


def test_every_setting_says_what_it_means() -> None:
    models: list[type[BaseModel]] = [Settings, *sections()]
    fields = [(model, *each) for model in models for each in model.model_fields.items()]
    assert len(fields) > 20
    assert [f"{model.__name__}.{name}" for model, name, field in fields if not field.description] == []


def test_every_section_is_closed_and_frozen() -> None:
    for section in sections():
        assert section.model_config.get("extra") == "forbid", section
        assert section.model_config.get("frozen"), section


@pytest.mark.parametrize(
    "wrong",
    [
        {"server": {"public_url": "ftp://fhir.example"}},
        {"server": {"public_url": "fhir.example"}},
        {"server": {"trusted_proxies": ["10.0.0.1/8"]}},
        {"server": {"site": "harbour"}},
        {"server": {"max_body": 0}},
        {"server": {"max_uri": -1}},
        {"upstream": {"timeouts": {"connect": 0}}},
        {"upstream": {"max_body": 0}},
        {"sites": {"default": {"time_zone": "+10:00"}}},
        {"sites": {"default": {"time_zone": ""}}},
        {"sites": {"default": {"time_zone": "../etc/passwd"}}},
        {"sites": {GUID: {"repairs": {"link-base-url": "perhaps"}}}},
        {"sites": {GUID: {"last_updated": {"patient": "utc"}}}},
        {"pages": {"lifetime": 0}},
        {"search": {"max_queries": 0}},
        {"log": {"level": "loud"}},
    ],
)
def test_values_outside_the_limits_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize("repair", [each.issue.id for each in REPAIRS])
def test_every_repair_has_a_switch(repair: str) -> None:
    assert Settings.model_validate({"repairs": {repair: False}}).repairs == {repair: False}


def test_an_unknown_repair_says_where_the_known_ones_are() -> None:
    with pytest.raises(ValidationError, match="no-such-repair; see halo-gateway known-issues"):
        Settings.model_validate({"repairs": {"no-such-repair": True}})
