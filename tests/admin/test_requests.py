"""Parsing of operators' requests."""

import msgspec
import pytest
from support.asgi import asgi_request
from support.requests import GUID

from gateway.admin.requests import SiteNames, json_body, query_parameters, utc_timestamp
from gateway.errors.failure import Failure

pytestmark = pytest.mark.anyio


class Body(msgspec.Struct):
    name: str = ""


OTHER_GUID = "11111111-0000-4000-8000-00000000000b"
NAMES = SiteNames({GUID: "harbour"})


@pytest.mark.parametrize("site", [GUID, GUID.upper(), "harbour"])
def test_site_is_a_guid_or_an_alias(site: str) -> None:
    assert NAMES.require_guid(site) == GUID


@pytest.mark.parametrize("site", ["", "elsewhere", GUID[:-1], f"{GUID}\n"])
def test_other_site_is_rejected(site: str) -> None:
    with pytest.raises(Failure) as failure:
        NAMES.require_guid(site)
    assert (failure.value.kind.status, failure.value.expression) == (400, "site")


def test_name_without_alias_is_the_beginning_of_the_guid() -> None:
    assert (NAMES.display_name(GUID), SiteNames().display_name(GUID)) == ("harbour", GUID[:8])


@pytest.mark.parametrize(
    ("allowed", "text"),
    [((), "Allowed: none."), (("site",), "Allowed: site."), (("a", "b", "c"), "Allowed: a, b, c.")],
)
def test_unknown_query_parameter_is_rejected(allowed: tuple[str, ...], text: str) -> None:
    with pytest.raises(Failure) as failure:
        query_parameters(asgi_request(query="day=1"), allowed)
    assert failure.value.text == f"Unknown query parameter. {text}"
    assert dict(query_parameters(asgi_request(query="day=1"), ("day",))) == {"day": "1"}


async def test_empty_body_is_an_object_and_invalid_body_is_rejected() -> None:
    async def read(body: bytes) -> Body:
        return await json_body(asgi_request(method="POST", pieces=(body,)), Body, "Send a name.")

    assert ((await read(b"")).name, (await read(b'{"name":"x"}')).name) == ("", "x")
    with pytest.raises(Failure) as failure:
        await read(b'{"name":1}')
    assert failure.value.text == "Send a name."


def test_timestamp_is_an_instant_or_none() -> None:
    assert (utc_timestamp(0), utc_timestamp(1_782_864_000)) == (None, "2026-07-01T00:00:00+00:00")


def test_mount_is_a_site_by_its_name() -> None:
    names = SiteNames({GUID: "harbour"}, {"laboratory", "harbour"})
    assert (names.require_guid("laboratory"), names.display_name("laboratory")) == ("laboratory",) * 2
    assert names.require_guid("harbour") == GUID


@pytest.mark.parametrize("site", [f"mnt/{GUID}", "mnt/harbour", f"mnt/{GUID.upper()}", "harbour"])
def test_purge_at_a_mount_is_of_the_guid(site: str) -> None:
    names = SiteNames({GUID: "harbour"}, halo_mounts={"mnt"}, is_served=lambda guid: guid == GUID)
    assert names.require_served(site) == GUID
    for other in (f"mnt/{OTHER_GUID}", "mnt/elsewhere", "mnt", "mnt/", "other/harbour"):
        with pytest.raises(Failure):
            names.require_served(other)
