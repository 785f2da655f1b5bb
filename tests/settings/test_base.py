"""Every setting with its limits."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings.base import Section

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
        {"server": {"default_site": "harbour"}},
        {"server": {"max_body": 0}},
        {"server": {"max_uri": -1}},
        {"upstream": {"timeouts": {"connect": 0}}},
        {"upstream": {"max_body": 0}},
        {"sites": {"default": {"time_zone": "+10:00"}}},
        {"sites": {"default": {"time_zone": ""}}},
        {"sites": {"default": {"time_zone": "../etc/passwd"}}},
        {"sites": {GUID: {"repairs": {"link-base-url": "perhaps"}}}},
        {"sites": {GUID: {"last_updated_input": {"patient": "utc"}}}},
        {"paging": {"link_lifetime_seconds": 0}},
        {"search": {"max_queries_per_page": 0}},
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


@pytest.mark.parametrize(
    "url",
    [
        "https://user:Zzyzx@gateway.example",
        "https://Zzyzx@gateway.example",
        "https://gateway.example/?key=Zzyzx",
        "https://gateway.example/?",
        "https://gateway.example/#Zzyzx",
    ],
)
@pytest.mark.parametrize("setting", ["server.public_url", "upstream.url", "upstreams.hg.url"])
def test_url_with_more_than_an_address_is_refused_unseen(setting: str, url: str) -> None:
    values: dict[str, Any] | str = url
    for segment in reversed(setting.split(".")):
        values = {segment: values}
    with pytest.raises(ValidationError) as found:
        Settings.model_validate(values)
    (problem,) = (
        each for each in found.value.errors(include_input=False) if ".".join(map(str, each["loc"])) == setting
    )
    assert "no user, password, query or fragment" in problem["msg"]
    assert "Zzyzx" not in str(problem)


def test_url_may_have_a_path() -> None:
    assert (
        str(Settings.model_validate({"upstream": {"url": "http://h:1/a/b"}}).upstream.url) == "http://h:1/a/b"
    )


@pytest.mark.parametrize("zone", ["A" * 10_000, "a/" * 10_000, "a\0", "../x", ""])
def test_what_no_zone_is_called_is_refused_unseen(zone: str) -> None:
    with pytest.raises(ValidationError) as found:
        Settings.model_validate({"sites": {"default": {"time_zone": zone}}})
    (problem,) = found.value.errors(include_input=False)
    assert problem["msg"].startswith("Value error, Unknown time zone: write an IANA name")


def test_message_shows_a_few_wrong_repairs() -> None:
    with pytest.raises(ValidationError, match=r"no such repair: a0, a1, .* and 5 more; see"):
        Settings.model_validate({"repairs": {f"a{number}": True for number in range(15)}})
