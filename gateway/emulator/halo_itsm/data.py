"""Synthetic records of a service desk. All names are common, all addresses end in example.com."""

from random import Random
from typing import Any, Final

from gateway.emulator.data.terms import FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES

#: A record as HaloITSM sends it.
Record = dict[str, Any]
#: Name of an endpoint -> id -> record.
Tables = dict[str, dict[int, Record]]

_SUBJECTS: Final = (
    "Printer prints nothing",
    "VPN ends after ten minutes",
    "New starter needs a mailbox",
    "Label printer is offline",
    "Password is expired",
    "Scanner saves no file",
)
#: Business fields that look like errors, by the id of their ticket: an integration's custom fields.
FIELDS_LIKE_ERRORS: Final[dict[int, Record]] = {
    1: {"status": 500, "message": "The customer sees: Internal Server Error"},
    2: {"statusCode": 401, "message": "Access denied, says the till"},
    3: {"error": "invalid_client", "error_description": "The text of the customer's screenshot"},
    4: {"resultCode": 404, "errorMessage": "The form was not found"},
    5: {"ClassName": "System.Exception", "Message": "Pasted from the event log"},
    6: {"Message": "Printed twice"},
    7: {"errorDetails": {"errorType": "http", "errorCode": 503, "errorMessage": "Site offline"}},
    8: {"error": {"status": 503, "statusText": "Service Unavailable", "message": "Site offline"}},
    9: {"status": "executionFailed", "errorCode": 207},
    10: {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
    11: {"type": "about:blank", "title": "Not Found", "detail": "A page is missing", "status": 404},
}
_LOOKUPS: Final = ("Hardware", "Software", "Network", "Access")
_REPORTS: Final = ("Tickets by agent", "All tickets since 2010", "Assets by client")
#: Id of the report that returns too much data, so that it is not finished in time.
SLOW_REPORT: Final = 2
#: Closed tickets have this status.
CLOSED_STATUS: Final = 9


def make_tables(seed: int, ticket_count: int) -> Tables:
    """Make the records of all endpoints; the same for the same seed and number of tickets."""
    chance = Random(seed)
    return {
        "tickets": _by_number(_ticket(chance, number) for number in range(1, ticket_count + 1)),
        "agent": _by_number(_person(chance, number, "agents") for number in range(1, 9)),
        "users": _by_number([*_named_users(), *(_person(chance, number, "desk") for number in range(3, 41))]),
        "client": _by_number({"name": f"Practice {number}", "inactive": False} for number in range(1, 13)),
        "site": _by_number({"name": f"Rooms {number}", "client_id": number} for number in range(1, 13)),
        "asset": _by_number(_asset(chance, number) for number in range(1, 31)),
        "report": _by_number({"name": name} for name in _REPORTS),
        "lookup": _by_number({"name": name, "lookupid": 11} for name in _LOOKUPS),
        "actions": {},
        "attachment": {},
    }


def _by_number(records: Any) -> dict[int, Record]:
    return {number: {"id": number, **record} for number, record in enumerate(records, 1)}


def _ticket(chance: Random, number: int) -> Record:
    closed = number % 5 == 0
    return {
        "summary": chance.choice(_SUBJECTS),
        "details": f"Reported by telephone, {chance.randint(1, 9)} people wait.",
        "client_id": chance.randint(1, 12),
        "user_id": chance.randint(1, 40),
        "agent_id": chance.randint(1, 8),
        "status_id": CLOSED_STATUS if closed else chance.randint(1, 3),
        "tickettype_id": chance.randint(1, 4),
        "dateoccurred": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T09:30:00",
        "estimate": 1.0,
        **FIELDS_LIKE_ERRORS.get(number, {}),
    }


def _person(chance: Random, number: int, host: str) -> Record:
    first, last = chance.choice((*FEMALE_NAMES, *MALE_NAMES)), chance.choice(FAMILY_NAMES)
    return {"name": f"{first} {last}", "emailaddress": f"person{number}@{host}.example.com"}


def _named_users() -> tuple[Record, Record]:
    """Users whose names have a space, an apostrophe, a comma and `@`."""
    return (
        {"name": "Jane Doe", "emailaddress": "jane doe@example.com"},
        {"name": "O'Brien, Siobhán", "emailaddress": "siobhán.o'brien@example.com"},
    )


def _asset(chance: Random, number: int) -> Record:
    return {"inventory_number": f"PC-{number:04}", "client_id": chance.randint(1, 12), "inactive": False}
