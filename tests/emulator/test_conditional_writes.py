"""Conditional writes: promised, honoured or ignored, by variant."""

from typing import Any

import httpx
import pytest
from emulator.halo_client import HaloClient

NEW = {"resourceType": "Patient", "name": [{"family": "Testperson"}], "gender": "other"}


def honour(halo: HaloClient, *honoured: str, promised: tuple[str, ...] = ()) -> None:
    halo.set_variants(conditional_writes={"honoured": honoured, "promised": promised})


def write(
    halo: HaloClient, method: str, path: str, resource: dict[str, Any], **fields: str
) -> httpx.Response:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return halo.send(path, method=method, json=resource, headers=headers)


def test_conditions_are_ignored_by_default(halo: HaloClient) -> None:
    created = [write(halo, "POST", "Patient", NEW, If_None_Exist="_id=1") for _ in range(2)]
    assert [response.status_code for response in created] == [201, 201]
    first = created[0].json()
    fields = {"If_Match": 'W/"99"', "If_None_Match": "*"}
    updated = write(halo, "PUT", f"Patient/{first['id']}", NEW | {"id": first["id"]}, **fields)
    assert (updated.status_code, "etag" in updated.headers) == (200, False)
    assert write(halo, "PUT", "Patient?_id=1", NEW).status_code == 404


@pytest.mark.parametrize(("criteria", "status"), [("_id=1", 200), ("Patient?_id=1", 200), ("_id=99999", 201)])
def test_conditional_create_returns_the_only_match(halo: HaloClient, criteria: str, status: int) -> None:
    honour(halo, "create")
    response = write(halo, "POST", "Patient", NEW, If_None_Exist=criteria)
    assert (response.status_code, response.json()["id"] == "1") == (status, status == 200)


def test_several_matches_are_refused(halo: HaloClient) -> None:
    honour(halo, "create", "update")
    assert write(halo, "POST", "Patient", NEW, If_None_Exist="gender=female").status_code == 412
    assert write(halo, "PUT", "Patient?gender=female", NEW).status_code == 412


def test_update_by_search_changes_or_creates(halo: HaloClient) -> None:
    honour(halo, "update")
    changed = write(halo, "PUT", "Patient?_id=1", NEW)
    assert (changed.status_code, halo.json("Patient/1")["gender"]) == (200, "other")
    assert write(halo, "PUT", "Patient?_id=99999", NEW).status_code == 201


def test_if_match_needs_the_current_version(halo: HaloClient) -> None:
    honour(halo, "version")
    etag, resource = halo.send("Patient/1").headers["etag"], NEW | {"id": "1"}
    statuses = [
        write(halo, "PUT", "Patient/1", resource, If_Match=condition).status_code
        for condition in ("*", etag, 'W/"2"')
    ]
    assert (etag, statuses) == ('W/"1"', [200, 412, 200])


def test_if_none_match_refuses_an_existing_row(halo: HaloClient) -> None:
    honour(halo, "none-match")
    assert write(halo, "PUT", "Patient/1", NEW | {"id": "1"}, If_None_Match="*").status_code == 412


def test_promises_are_in_the_statement(halo: HaloClient) -> None:
    def elements() -> dict[str, Any]:
        resources = halo.json("metadata")["rest"][0]["resource"]
        names = ("conditionalCreate", "conditionalUpdate", "versioning")
        found = [resource for resource in resources if any(name in resource for name in names)]
        assert {resource["type"] for resource in found} in ({"Appointment", "Patient"}, set())
        return {name: found[0][name] for name in names if found and name in found[0]}

    assert elements() == {}
    honour(halo, promised=("create", "update", "version"))
    assert elements() == {
        "conditionalCreate": True,
        "conditionalUpdate": True,
        "versioning": "versioned-update",
    }
