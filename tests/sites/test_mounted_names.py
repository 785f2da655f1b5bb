"""Names of the practices of a second Halo Connect."""

import pytest
from support.requests import GUID, SITE

from gateway.sites.mounted_names import (
    guid_in,
    mount_in,
    mounted_name,
    site_at,
    site_lookup_by_path,
    sites_at,
    split_pause,
)


@pytest.mark.parametrize(("mount", "key"), [("mnt", f"mnt/{GUID}"), ("", GUID)])
def test_key_has_mount_and_guid(mount: str, key: str) -> None:
    assert mounted_name(mount, GUID) == key
    assert (mount_in(key), guid_in(key)) == (mount, GUID)


def test_nothing_has_no_name_at_a_mount() -> None:
    assert mounted_name("mnt", "") == ""
    assert (mount_in(""), guid_in("labs")) == ("", "labs")


@pytest.mark.parametrize(
    ("name", "mount", "scope_key"),
    [
        (f"mnt/site:{GUID}", "mnt", f"site:{GUID}"),
        (f"site:{GUID}", "", f"site:{GUID}"),
        ("rate-limit:0f0f:Patient/x", "", "rate-limit:0f0f:Patient/x"),
        ("labs/rate-limit:0f0f", "labs", "rate-limit:0f0f"),
    ],
)
def test_pause_has_mount_and_scope_key(name: str, mount: str, scope_key: str) -> None:
    assert split_pause(name) == (mount, scope_key)


def test_site_at_a_mount_differs_by_its_name_only() -> None:
    found = sites_at("mnt", {GUID: SITE}.get)
    assert (site_at("mnt", SITE), found("other")) == (found(GUID), None)
    site = found(GUID)
    assert site is not None
    assert (site.name, site.guid, site.zone) == (f"mnt/{SITE.name}", SITE.guid, SITE.zone)
    assert sites_at("", {GUID: SITE}.get)(GUID) is SITE


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("", ""), None),
        (("", GUID), SITE.name),
        (("mnt", GUID), f"mnt/{SITE.name}"),
        (("labs", ""), "labs"),
        (("mnt", "unknown"), None),
    ],
)
def test_site_in_a_path_has_the_name_of_its_mount(place: tuple[str, str], name: str | None) -> None:
    site = site_lookup_by_path(lambda _: place, {GUID: SITE}.get)("/path")
    assert (site and site.name) == name
