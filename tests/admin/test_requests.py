import asyncio

import msgspec
import pytest
from support.asgi import scoped
from support.requests import GUID

from gateway.admin.requests import SiteNames, json_body, query_parameters, utc_timestamp
from gateway.errors.failure import Failure


class Thing(msgspec.Struct):
    name: str = ""


NAMES = SiteNames({GUID: "harbour"})


@pytest.mark.parametrize("site", [GUID, GUID.upper(), "harbour"])
def test_a_practice_goes_by_guid_or_alias(site: str) -> None:
    assert NAMES.require_guid(site) == GUID


@pytest.mark.parametrize("site", ["", "elsewhere", GUID[:-1], f"{GUID}\n"])
def test_what_is_neither_is_refused(site: str) -> None:
    with pytest.raises(Failure) as failed:
        NAMES.require_guid(site)
    assert (failed.value.kind.status, failed.value.expression) == (400, "site")


def test_an_alias_of_several_practices_names_none() -> None:
    twins = SiteNames({GUID: "harbour", GUID[:-1] + "b": "harbour"})
    with pytest.raises(Failure) as failed:
        twins.require_guid("harbour")
    assert "Several practices" in failed.value.text
    assert twins.require_guid(GUID) == GUID


def test_a_practice_without_an_alias_shows_as_the_beginning_of_its_guid() -> None:
    assert (NAMES.display_name(GUID), SiteNames().display_name(GUID)) == ("harbour", GUID[:8])


@pytest.mark.parametrize(
    ("known", "says"),
    [((), "Nothing"), (("site",), "Only site can"), (("a", "b", "c"), "Only a, b and c can")],
)
def test_a_parameter_that_means_nothing_is_refused(known: tuple[str, ...], says: str) -> None:
    with pytest.raises(Failure) as failed:
        query_parameters(scoped(query="day=1"), known)
    assert says in failed.value.text
    assert dict(query_parameters(scoped(query="day=1"), ("day",))) == {"day": "1"}


def test_an_empty_body_is_an_empty_object_and_others_are_read_strictly() -> None:
    def read(body: bytes) -> Thing:
        return asyncio.run(json_body(scoped(method="POST", pieces=(body,)), Thing, "Send a thing."))

    assert (read(b"").name, read(b'{"name":"x"}').name) == ("", "x")
    with pytest.raises(Failure) as failed:
        read(b'{"name":1}')
    assert failed.value.text == "Send a thing."


def test_a_moment_is_an_instant_or_none() -> None:
    assert (utc_timestamp(0), utc_timestamp(1_782_864_000)) == (None, "2026-07-01T00:00:00+00:00")
