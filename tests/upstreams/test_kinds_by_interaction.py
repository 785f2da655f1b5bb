"""What an upstream's answer means for each interaction: code and text, to be read."""

import re
from typing import Any

import pytest
from support.dialects import apim, firely, gorilla, require_failure

from gateway.errors import catalog
from gateway.fhir.interaction import Interaction, interaction_for
from gateway.upstreams.kinds_by_interaction import interaction_key, kind_for, kinds_of, listed_kinds

LINES = {
    "read": "GET Patient/1",
    "vread": "GET Patient/1/_history/2",
    "history-instance": "GET Patient/1/_history",
    "history": "GET Patient/_history",
    "search-type": "GET Patient",
    "create": "POST Patient",
    "update": "PUT Patient/1",
    "patch": "PATCH Patient/1",
    "delete": "DELETE Patient/1",
    "transaction": "POST ",
    "operation": "GET Patient/$match",
    "operation-instance": "GET Patient/1/$everything",
    "capabilities": "GET metadata",
    "other": "GET integrator/sites",
}
SEARCHES = {"search-type", "history", "history-instance"}
WRITES = {"create", "update", "patch", "delete", "transaction"}
NOT_THERE, NO_SUCH = "resource-not-found", "not-found-or-not-supported"
UNSUPPORTED = "interaction-not-supported"
#: Interaction -> code of a 404 with an OperationOutcome, and the beginning of its text.
NOT_FOUND = {
    "read": (NOT_THERE, "No resource with this id exists, or it is not active."),
    "vread": (NO_SUCH, "The upstream does not have this version: the id or the version is unknown"),
    "history-instance": (NO_SUCH, "The upstream returned no history: the id is unknown"),
    "history": (UNSUPPORTED, "The upstream has no history at this URL"),
    "search-type": (UNSUPPORTED, "The upstream has no search at this URL"),
    "create": (UNSUPPORTED, "The upstream does not accept new resources of this type. Nothing was created."),
    "update": (NO_SUCH, "Nothing was changed: the upstream has no such active resource, or does not accept"),
    "patch": (NO_SUCH, "Nothing was changed: the upstream does not support PATCH for this type, or has no"),
    "delete": (NO_SUCH, "Nothing was deleted: the upstream does not support DELETE for this type, or has no"),
    "transaction": (UNSUPPORTED, "The upstream does not accept batch or transaction Bundles."),
    "operation": (UNSUPPORTED, "The upstream has no operation of this name here"),
    "operation-instance": (
        NO_SUCH,
        "Nothing was carried out: the upstream has no operation of this name",
    ),
    "capabilities": (UNSUPPORTED, "The upstream has no CapabilityStatement at this URL."),
    "other": (NOT_THERE, "The upstream has nothing at this URL."),
}
#: Upstream answers that several interactions can get.
ANSWERS: list[tuple[str, int, Any]] = [
    ("halo-connect", 404, firely("Not there")),
    ("halo-connect", 404, {"x": 1}),
    ("halo-connect", 404, firely("Unable to parse Resource URL")),
    ("halo-connect", 404, apim(404, "Unable to match incoming request to an operation.")),
    ("halo-connect", 405, b""),
    ("halo-connect", 409, firely("Conflict")),
    ("halo-connect", 410, b""),
    ("halo-connect", 412, b""),
    ("halo-connect", 413, b""),
    ("halo-connect", 422, firely("No")),
    ("halo-connect", 504, firely("Query took more than 30 seconds")),
    ("halo-connect", 504, b""),
    ("health-gorilla", 404, gorilla("Not found", "not-found")),
    ("health-gorilla", 422, gorilla("No")),
    ("health-gorilla", 429, gorilla("Too many concurrent p360 processes")),
    ("health-gorilla", 429, gorilla("Too many requests per second")),
    ("health-gorilla", 454, b""),
    ("health-gorilla", 504, b""),
]
#: Interactions, and words that would be wrong for them.
UNFIT_WORDS = [
    (LINES.keys() - SEARCHES - {"other"}, "date range|smaller pages|_count|includes|Narrow the search"),
    (SEARCHES, "id exists|The change |deleted|no resource"),
    (LINES.keys() - WRITES, r"The change |[Nn]othing was (created|deleted)|^Nothing was changed"),
    ({"create"}, "the id|Read the resource"),
]


def test_every_interaction_is_in_the_table() -> None:
    keys = {
        interaction_key(interaction_for(*line.split(" ", 1)) or Interaction("other"))  # type: ignore[arg-type]
        for line in LINES.values()
    }
    assert keys == LINES.keys() == NOT_FOUND.keys()
    assert {key for _, kinds in listed_kinds() for key in kinds} <= {*keys, "async-status"}


@pytest.mark.parametrize("key", LINES)
@pytest.mark.parametrize("dialect", ["halo-connect", "health-gorilla", "halo-sql"])
def test_404_says_what_it_means_for_the_interaction(dialect: str, key: str) -> None:
    failure = require_failure(dialect, 404, firely("Not there"), line=LINES[key])
    code, start = NOT_FOUND[key]
    assert (failure.kind.code, failure.text[: len(start)]) == (code, start)
    assert (failure.kind.status, failure.issue == "not-supported") == (404, code == UNSUPPORTED)


def test_404_of_an_unknown_url_says_nothing_of_records() -> None:
    for line in LINES.values():
        failure = require_failure("halo-connect", 404, firely("Unable to parse Resource URL"), line=line)
        assert failure.kind.code == UNSUPPORTED
        assert "says nothing about the records" in failure.text


@pytest.mark.parametrize(("dialect", "status", "body"), ANSWERS)
@pytest.mark.parametrize("key", LINES)
def test_advice_fits_the_interaction(key: str, dialect: str, status: int, body: object) -> None:
    text = require_failure(dialect, status, body, line=LINES[key]).text
    for keys, words in UNFIT_WORDS:
        assert key not in keys or not re.search(words, text), text


def test_unknown_outcome_of_a_create_advises_a_search() -> None:
    failure = require_failure("halo-connect", 504, b"", line="POST Patient")
    assert failure.kind.code == catalog.WRITE_OUTCOME_UNKNOWN.code
    assert "Search for it before you send it again" in failure.text
    update = require_failure("halo-connect", 504, b"", line="PUT Patient/1")
    assert update.kind is catalog.WRITE_OUTCOME_UNKNOWN


def test_relayed_issue_type_stays_where_the_meaning_is_the_same() -> None:
    failure = require_failure("health-gorilla", 404, gorilla("x", "not-found"), line="PATCH Patient/1")
    assert failure.issue == "not-found"
    conflict = require_failure("halo-connect", 409, firely("x", "duplicate"), line="POST Patient")
    assert conflict.issue == "duplicate"


@pytest.mark.parametrize("code", ["read", "search-type"])
def test_kind_without_a_row_is_unchanged(code: Any) -> None:
    assert kind_for(catalog.BAD_REQUEST, Interaction(code, "Patient")) is catalog.BAD_REQUEST
    assert kinds_of(catalog.BAD_REQUEST) == (catalog.BAD_REQUEST,)
