"""Requests generated from openapi/gateway.yaml: no 5xx and no undocumented status."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
import yaml
from conftest import KEY, ROOT, Pair
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.case import Case
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import status_code_conformance

from gateway.emulator.sites import BRISBANE, PERTH, SYDNEY

#: The gateway's thread uses `random` while hypothesis draws; hypothesis attributes that to a strategy.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
EXAMPLES = 30
DESKTOP = {"authorization": "Bearer none", "deviceid": "d-1"}
#: Valid and almost valid paths below a FHIR base.
PATHS = [
    "metadata", "Patient", "Patient/1", "Patient/_search", "Patient/1/_history/1", "Patient/1/$summary",
    "Appointment", "Observation/2", "Slot/$find-free", "Unknown/1", "Patient/1/2/3",
]  # fmt: skip


#: Valid and invalid search parameters.
QUERY = {
    "_format": ["json", "application/fhir+json", "xml"],
    "date": ["2026-04", "ge2026-04-01T00:00:00+10:00", "ne2026-04-05", "xx2026", ""],
    "_count": ["1", "0", "-1", "many"],
    "_include": ["Appointment:patient", "*", ":"],
    "_lastUpdated": ["gt2020", "2020-13-01"],
    "name": ["Zzyzx", "\x00", "ä,b|c\\,"],
}


SITES = [BRISBANE, SYDNEY, PERTH]


def load_document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))
    return document


@st.composite
def valid_cases(draw: st.DrawFn, operation: APIOperation[Any, Any, Any, Any]) -> Case[Any]:
    """Cases of an operation at an existing site; two in three with a path and a query of the tables above."""
    case = draw(operation.as_strategy())
    if "siteId" in case.path_parameters:
        case.path_parameters["siteId"] = draw(st.sampled_from(SITES))
    if draw(st.sampled_from([True, True, False])):
        case.path_parameters |= {
            name: draw(st.sampled_from(PATHS)) for name in {"path"} & set(case.path_parameters)
        }
        case.query = {
            name: draw(st.sampled_from(QUERY[name])) for name in draw(st.sets(st.sampled_from(sorted(QUERY))))
        }
    return case


OPERATIONS = [
    result.ok()
    for result in schemathesis.openapi.from_dict(load_document()).get_all_operations()
    if isinstance(result, Ok)
]

#: Number of responses by status.
STATUS_COUNTS: Counter[int] = Counter()


def operation_name(operation: APIOperation[Any, Any, Any, Any]) -> str:
    return f"{operation.method.upper()} {operation.path}"


def test_document_has_more_than_forty_operations() -> None:
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("operation", OPERATIONS, ids=operation_name)
def test_status_is_documented_and_not_5xx(pair: Pair, operation: APIOperation[Any, Any, Any, Any]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=valid_cases(operation))
    def check(case: Case[Any]) -> None:
        response = case.call(base_url=pair.url, headers=KEY | DESKTOP)
        STATUS_COUNTS[response.status_code] += 1
        case.validate_response(response, checks=[not_a_server_error, status_code_conformance])

    check()


def test_requests_had_successes_and_rejections() -> None:
    # Runs last: the tests above are meaningful only if they also had successes.
    if not STATUS_COUNTS:
        pytest.skip("needs the other tests of this file")
    assert STATUS_COUNTS[200] > 50
    assert {200, 400, 404, 405, 406, 415} <= set(STATUS_COUNTS)
