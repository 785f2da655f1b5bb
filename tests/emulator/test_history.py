from typing import Any
from urllib.parse import urlsplit

import pytest
from emulator.halo_client import HaloClient, link_url


def versions(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["meta"]["versionId"] for entry in bundle["entry"]]


def test_history_is_unsupported_by_default(halo: HaloClient) -> None:
    assert halo.send("Patient/1/_history").status_code == 404


def test_versions_share_one_full_url(halo: HaloClient) -> None:
    halo.set_variants(history_versions=3)
    bundle = halo.json("Patient/1/_history")
    assert (bundle["type"], bundle["total"], versions(bundle)) == ("history", 3, ["3", "2", "1"])
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == 1
    assert [entry["request"]["method"] for entry in bundle["entry"]] == ["PUT", "PUT", "POST"]
    assert len({entry["response"]["lastModified"] for entry in bundle["entry"]}) == 3


@pytest.mark.parametrize("paging", ["token", "strict-token", "offset", "page"])
def test_history_pages_contain_every_version_once(halo: HaloClient, paging: str) -> None:
    halo.set_variants(history_versions=5, paging=paging)
    page = halo.json("Patient/1/_history?_count=2")
    found = versions(page)
    while url := link_url(page, "next"):
        page = halo.json(f"Patient/1/_history?{urlsplit(url).query}")
        found += versions(page)
    assert found == ["5", "4", "3", "2", "1"]


def test_history_of_unknown_resource_is_not_found(halo: HaloClient) -> None:
    halo.set_variants(history_versions=3)
    assert halo.send("Patient/99999/_history").status_code == 404
