"""Lists, reads, writes and deletions of records, as HaloITSM's client libraries use them."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from gateway.emulator.errors import json_response
from gateway.emulator.halo_itsm import errors
from gateway.emulator.halo_itsm.data import CLOSED_STATUS, Record
from gateway.emulator.halo_itsm.errors import ItsmRefusal
from gateway.emulator.halo_itsm.state import ItsmState

#: Endpoint -> name of the list in its response; None: the response is the array itself.
LIST_NAMES: Final[dict[str, str | None]] = {
    "tickets": "tickets",
    "agent": None,
    "users": "users",
    "client": "clients",
    "site": "sites",
    "asset": "assets",
    "report": "reports",
    "lookup": None,
    "actions": "actions",
    "attachment": "attachments",
}
_FILTERS: Final = ("client_id", "agent_id", "user_id", "status_id", "ticket_id", "lookupid")
_USUAL_PAGE_SIZE: Final = 50

Parameters = Mapping[str, str]


def list_response(state: ItsmState, endpoint: str, parameters: Parameters) -> Response:
    """Return the records that match, all or one page. Raises ItsmRefusal 422."""
    found = [record for record in state.tables[endpoint].values() if _matches(record, parameters)]
    shown, page = _page(found, parameters)
    name = LIST_NAMES[endpoint]
    return json_response(shown if name is None else {**page, "record_count": len(found), name: shown})


def read_response(state: ItsmState, endpoint: str, key: str) -> Response:
    """Return a record by its id, or a user by name or address; ids with commas get an array.

    Raises ItsmRefusal 404 unless all of them exist.
    """
    table = state.tables[endpoint]
    if endpoint == "users" and (user := _named_user(table, key)):
        return json_response(user)
    records = [table.get(int(part)) if part.isdecimal() else None for part in key.split(",")]
    if not all(records):
        raise ItsmRefusal(errors.NO_ITEM)
    if endpoint == "attachment" and key.isdecimal():
        return _file_response(state, int(key))
    return json_response(records if "," in key else records[0])


def save_response(state: ItsmState, endpoint: str, body: bytes) -> Response:
    """Create the records without an id, change the others. One: 201 with the record; more: an array.

    All or none are saved. Raises ItsmRefusal 400 unless the body is an array of objects, 404, 409, 422.
    """
    changes = _decode_array(body)
    records = [_changed_record(state, endpoint, change) for change in changes]
    for record in records:
        _save(state, endpoint, record)
    return json_response(records[0] if len(records) == 1 else records, 201)


def delete_response(state: ItsmState, endpoint: str, key: str) -> Response:
    """Delete a record by its id and return it. Raises ItsmRefusal 404."""
    record = state.tables[endpoint].pop(int(key), None) if key.isdecimal() else None
    if record is None:
        raise ItsmRefusal(errors.NO_ITEM)
    return json_response(record)


def _matches(record: Record, parameters: Parameters) -> bool:
    text = " ".join(str(record.get(name, "")) for name in ("summary", "name", "emailaddress"))
    return (
        all(record.get(name) == _number(parameters[name]) for name in _FILTERS if name in parameters)
        and parameters.get("search", "").lower() in text.lower()
        and not (parameters.get("open_only") == "true" and record.get("status_id") == CLOSED_STATUS)
        and ("ids" not in parameters or str(record["id"]) in parameters["ids"].split(","))
    )


def _page(found: list[Record], parameters: Parameters) -> tuple[list[Record], dict[str, int]]:
    """Return the records of the page with its fields; `count` limits a list without pages."""
    if parameters.get("pageinate", "").lower() != "true":
        return found[: _number(parameters.get("count", "1000000"))], {}
    number = max(1, _number(parameters.get("page_no", "1")))
    size = max(1, _number(parameters.get("page_size", str(_USUAL_PAGE_SIZE))))
    start = (number - 1) * size
    return found[start : start + size], {"page_no": number, "page_size": size}


def _number(value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError):
        raise ItsmRefusal(errors.WRONG_FORMAT) from None


def _named_user(table: dict[int, Record], key: str) -> Record | None:
    return next((user for user in table.values() if key in {user["name"], user["emailaddress"]}), None)


def _file_response(state: ItsmState, number: int) -> Response:
    name = str(state.tables["attachment"][number].get("filename", "file"))
    safe_name = "".join(char for char in name if char.isascii() and char.isprintable() and char not in '"\\')
    headers = {"content-disposition": f'attachment; filename="{safe_name}"'}
    return Response(state.files.get(number, b""), 200, headers, media_type="application/octet-stream")


def _decode_array(body: bytes) -> list[Record]:
    try:
        changes = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise ItsmRefusal(errors.INVALID_BODY) from None
    if not isinstance(changes, list) or not changes or not all(isinstance(item, dict) for item in changes):
        raise ItsmRefusal(errors.INVALID_BODY)
    return changes


def _changed_record(state: ItsmState, endpoint: str, change: Record) -> Record:
    for name in ("id", *_FILTERS):
        if change.get(name) is not None and not isinstance(change[name], int):
            raise ItsmRefusal(errors.WRONG_FORMAT)
    _content(change.get("data_base64", ""))
    table, number = state.tables[endpoint], change.get("id")
    if number is not None and number not in table:
        raise ItsmRefusal(errors.NO_ITEM)
    stored = table.get(number, {}) if number is not None else {}
    _require_no_conflict(table, endpoint, stored, change)
    return {**stored, **change}


def _require_no_conflict(table: dict[int, Record], endpoint: str, stored: Record, change: Record) -> None:
    """Raise ItsmRefusal 409 for a ticket that is closed twice, or a client's name that exists."""
    if endpoint == "tickets" and stored.get("status_id") == change.get("status_id") == CLOSED_STATUS:
        raise ItsmRefusal(errors.IS_CLOSED)
    others = (record for record in table.values() if record["id"] != stored.get("id"))
    if endpoint == "client" and any(record["name"] == change.get("name") for record in others):
        raise ItsmRefusal(errors.IS_DUPLICATE)


def _save(state: ItsmState, endpoint: str, record: Record) -> None:
    """Store a record; a new one gets the next id. An attachment's content is stored beside it."""
    table = state.tables[endpoint]
    if record.get("id") is None:
        record["id"] = max(table, default=0) + 1
    if endpoint == "attachment" and (content := record.pop("data_base64", None)) is not None:
        state.files[record["id"]] = _content(content)
    table[record["id"]] = record


def _content(text: Any) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except (Base64Error, ValueError):
        raise ItsmRefusal(errors.WRONG_FORMAT) from None
