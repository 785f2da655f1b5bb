from typing import Any

import pytest
from emulator.halo_client import HaloClient

SEARCHES = ("Patient?_count=1", "Patient?_count=2", "Patient?_count=1")


def etags(halo: HaloClient, variant: str) -> list[Any]:
    halo.set_variants(etags=variant)
    return [halo.send(path).headers.get("etag") for path in SEARCHES]


@pytest.mark.parametrize(
    ("variant", "different"), [("none", 0), ("content", 2), ("constant", 1), ("changing", 3)]
)
def test_search_has_etag_of_variant(halo: HaloClient, variant: str, different: int) -> None:
    assert len({etag for etag in etags(halo, variant) if etag}) == different


@pytest.mark.parametrize(
    ("variant", "statuses"),
    [("none", (200, 200)), ("content", (304, 200)), ("constant", (304, 304)), ("changing", (200, 200))],
)
def test_named_etag_gets_not_modified(halo: HaloClient, variant: str, statuses: tuple[int, int]) -> None:
    first = etags(halo, variant)[0] or 'W/"x"'
    responses = [halo.send(path, headers={"If-None-Match": first}) for path in SEARCHES[:2]]
    assert tuple(response.status_code for response in responses) == statuses
    assert all(not response.content for response in responses if response.status_code == 304)


def test_read_has_no_etag(halo: HaloClient) -> None:
    halo.set_variants(etags="constant")
    assert "etag" not in halo.send("Patient/1").headers
