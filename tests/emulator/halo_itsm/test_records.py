from base64 import b64encode
from urllib.parse import quote

import pytest
from emulator.halo_itsm.itsm_client import ItsmClient

from gateway.emulator.halo_itsm.data import CLOSED_STATUS


def test_pages_end_with_the_last_record(itsm: ItsmClient) -> None:
    ids: list[int] = []
    for number in range(1, 5):
        page = itsm.json(f"/api/tickets?pageinate=true&page_no={number}&page_size=50")
        assert (page["page_no"], page["page_size"], page["record_count"]) == (number, 50, 120)
        ids += [ticket["id"] for ticket in page["tickets"]]
    assert ids == list(range(1, 121))


def test_list_without_pages_has_all_or_count(itsm: ItsmClient) -> None:
    everything = itsm.json("/api/tickets?page_size=3")
    assert (len(everything["tickets"]), "page_no" in everything) == (120, False)
    assert len(itsm.json("/api/tickets?count=7")["tickets"]) == 7


def test_filters_select_records(itsm: ItsmClient) -> None:
    found = itsm.json("/api/tickets?client_id=3&open_only=true")["tickets"]
    assert found
    assert all(item["client_id"] == 3 and item["status_id"] != CLOSED_STATUS for item in found)
    assert itsm.json("/api/users?search=JANE")["record_count"] == 1
    assert itsm.send("/api/tickets?client_id=three").status_code == 422


@pytest.mark.parametrize("path", ["/api/agent", "/api/lookup?lookupid=11", "/api/lookup?ids=1,2"])
def test_agents_and_lookups_are_arrays(itsm: ItsmClient, path: str) -> None:
    records = itsm.json(path)
    assert isinstance(records, list)
    assert len(records) == (2 if "ids" in path else len(records))


@pytest.mark.parametrize(
    "key", ["1", "Jane Doe", "jane doe@example.com", "jane%20doe%40example.com", "Jane%20Doe"]
)
def test_user_is_read_by_id_name_or_address(itsm: ItsmClient, key: str) -> None:
    assert itsm.json(f"/api/users/{key}")["id"] == 1


def test_name_with_comma_and_apostrophe_is_read(itsm: ItsmClient) -> None:
    assert itsm.json(f"/api/users/{quote('O' + chr(39) + 'Brien, Siobhán')}")["id"] == 2


def test_ids_with_commas_are_read_together(itsm: ItsmClient) -> None:
    assert [item["id"] for item in itsm.json("/api/lookup/3,1")] == [3, 1]
    assert itsm.send("/api/lookup/3,99").status_code == 404
    assert itsm.send("/api/tickets/abc").status_code == 404


def test_record_is_created_changed_and_deleted(itsm: ItsmClient) -> None:
    created = itsm.save("/api/tickets", {"summary": "Zzyzx", "status": 500})
    assert (created.status_code, created.json()["id"]) == (201, 121)
    changed = itsm.save("/api/tickets", {"id": 121, "details": "new"}).json()
    assert changed == {"summary": "Zzyzx", "status": 500, "id": 121, "details": "new"}
    assert itsm.json("/api/tickets/121") == changed
    assert itsm.send("/api/tickets/121", "DELETE").json() == changed
    assert itsm.send("/api/tickets/121").status_code == 404
    assert itsm.send("/api/tickets/121", "DELETE").status_code == 404


def test_several_records_are_saved_together_or_not_at_all(itsm: ItsmClient) -> None:
    created = itsm.save("/api/actions", {"note": "a"}, {"note": "b"})
    assert [item["id"] for item in created.json()] == [1, 2]
    assert itsm.save("/api/actions", {"note": "c"}, {"id": 99}).status_code == 404
    assert itsm.json("/api/actions")["record_count"] == 2


@pytest.mark.parametrize("body", [b'{"summary": "a"}', b"[]", b"[1]", b"{", b"", b"\xff"])
def test_body_must_be_an_array_of_objects(itsm: ItsmClient, body: bytes) -> None:
    response = itsm.send("/api/tickets", "POST", content=body)
    assert (response.status_code, response.json()) == (400, {"Message": "The request is invalid."})


@pytest.mark.parametrize(
    ("endpoint", "record", "status"),
    [
        ("tickets", {"id": 5, "status_id": CLOSED_STATUS}, 409),
        ("client", {"name": "Practice 1"}, 409),
        ("client", {"id": 1, "name": "Practice 1"}, 201),
        ("tickets", {"client_id": "one"}, 422),
        ("tickets", {"id": "1"}, 422),
        ("attachment", {"data_base64": "?"}, 422),
        ("tickets", {"id": 999}, 404),
    ],
)
def test_conflicts_and_wrong_formats_are_refused(
    itsm: ItsmClient, endpoint: str, record: dict[str, object], status: int
) -> None:
    assert itsm.save(f"/api/{endpoint}", record).status_code == status


def test_attachment_is_stored_and_downloaded(itsm: ItsmClient) -> None:
    content = bytes(range(256)) * 10
    record = {"filename": 'a "b".bin', "ticket_id": 1, "data_base64": b64encode(content).decode()}
    created = itsm.save("/api/attachment", record).json()
    assert created == {"filename": 'a "b".bin', "ticket_id": 1, "id": 1}
    response = itsm.send("/api/attachment/1")
    assert response.content == content
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"] == 'attachment; filename="a b.bin"'
    assert itsm.json("/api/attachment?ticket_id=1")["attachments"] == [created]
