"""Limits and descriptions of all settings."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from gateway.repairs import REPAIRS
from gateway.settings import Settings
from gateway.settings.base import Section

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def sections(parent: type[BaseModel] = Section) -> Iterator[type[BaseModel]]:
    for section in parent.__subclasses__():
        yield section
        yield from sections(section)


def test_every_setting_has_a_description_in_full_sentences() -> None:
    models: list[type[BaseModel]] = [Settings, *sections()]
    fields = [(model, *item) for model in models for item in model.model_fields.items()]
    assert len(fields) > 20
    assert [
        f"{model.__name__}.{name}"
        for model, name, field in fields
        if not re.fullmatch(r"[A-Z`].*\.", field.description or "")
    ] == []


def test_every_section_is_immutable_and_rejects_unknown_names() -> None:
    for section in sections():
        assert section.model_config.get("extra") == "forbid", section
        assert section.model_config.get("frozen"), section


@pytest.mark.parametrize(
    "values",
    [
        {"server": {"public_url": "ftp://fhir.example"}},
        {"server": {"public_url": "fhir.example"}},
        {"server": {"public_url": "https://fhir.example/\r\nX-A: b"}},
        {"server": {"public_url": "https://fhir\n.example/"}},
        {"upstream": {"url": "https://fhir.example/\tx"}},
        {"server": {"trusted_proxies": ["10.0.0.1/8"]}},
        {"upstream": {"url": "https://a..example"}},
        {"upstream": {"url": f"https://{'a' * 64}.example"}},
        {"upstream": {"url": "https://a.example:0"}},
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
def test_values_outside_the_limits_are_rejected(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(values)


NUMBERS = [
    (section, name)
    for section in dict.fromkeys(sections())
    for name, field in section.model_fields.items()
    if {int, float} & {field.annotation, *get_args(field.annotation)}
]


@pytest.mark.parametrize(("section", "name"), NUMBERS, ids=lambda item: getattr(item, "__name__", item))
@pytest.mark.parametrize("value", [-1, 10**13, 1e300, float("inf"), float("-inf"), float("nan")])
def test_every_number_has_a_lower_and_an_upper_limit(
    section: type[BaseModel], name: str, value: float
) -> None:
    with pytest.raises(ValidationError) as error:
        section.model_validate({name: value})
    assert name in {problem["loc"][0] for problem in error.value.errors()}


@pytest.mark.parametrize("repair", [repair.issue.id for repair in REPAIRS])
def test_every_repair_can_be_switched_off(repair: str) -> None:
    assert Settings.model_validate({"repairs": {repair: False}}).repairs == {repair: False}


def test_unknown_repair_error_names_the_command_that_lists_them() -> None:
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
def test_url_with_credentials_or_query_is_rejected_without_showing_it(setting: str, url: str) -> None:
    values: dict[str, Any] | str = url
    for segment in reversed(setting.split(".")):
        values = {segment: values}
    with pytest.raises(ValidationError) as error:
        Settings.model_validate(values)
    problems = error.value.errors(include_input=False)
    (problem,) = (problem for problem in problems if ".".join(map(str, problem["loc"])) == setting)
    assert "no user, password, query or fragment" in problem["msg"]
    assert "Zzyzx" not in str(problem)


def test_url_with_a_path_is_valid() -> None:
    assert (
        str(Settings.model_validate({"upstream": {"url": "http://h:1/a/b"}}).upstream.url) == "http://h:1/a/b"
    )


@pytest.mark.parametrize("zone", ["A" * 10_000, "a/" * 10_000, "a\0", "../x", ""])
def test_unknown_time_zone_is_rejected_without_showing_it(zone: str) -> None:
    with pytest.raises(ValidationError) as error:
        Settings.model_validate({"sites": {"default": {"time_zone": zone}}})
    (problem,) = error.value.errors(include_input=False)
    assert problem["msg"].startswith("Value error, Unknown time zone. Write an IANA name")


def test_many_unknown_repairs_are_shown_in_part() -> None:
    with pytest.raises(ValidationError, match=r"no such repair: a0, a1, .* and 5 more; see"):
        Settings.model_validate({"repairs": {f"a{number}": True for number in range(15)}})
