"""Requests that the document allows, many of them nonsense: no 5xx and no status that it does not name."""

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

#: The gateway's thread uses `random` while hypothesis draws, which hypothesis takes for a strategy that does.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
EXAMPLES = 30
DESKTOP = {"authorization": "Bearer none", "deviceid": "d-1"}
#: Paths below a FHIR base that lead somewhere, or nearly.
PATHS = [
    "metadata", "Patient", "Patient/1", "Patient/_search", "Patient/1/_history/1", "Patient/1/$summary",
    "Appointment", "Observation/2", "Slot/$find-free", "Unknown/1", "Patient/1/2/3",
]  # fmt: skip


#: Search parameters as clients write them, right and wrong.
QUERY = {
    "_format": ["json", "application/fhir+json", "xml"],
    "date": ["2026-04", "ge2026-04-01T00:00:00+10:00", "ne2026-04-05", "xx2026", ""],
    "_count": ["1", "0", "-1", "many"],
    "_include": ["Appointment:patient", "*", ":"],
    "_lastUpdated": ["gt2020", "2020-13-01"],
    "name": ["Zzyzx", "\x00", "ä,b|c\\,"],
}


SITES = [BRISBANE, SYDNEY, PERTH]


def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text(encoding="utf-8"))
    return found


@st.composite
def cases(draw: st.DrawFn, operation: APIOperation[Any, Any, Any, Any]) -> Case[Any]:
    """What the document allows, at a site that exists; two in three with a path that means something."""
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
    each.ok()
    for each in schemathesis.openapi.from_dict(document()).get_all_operations()
    if isinstance(each, Ok)
]

#: How often each status came.
SEEN: Counter[int] = Counter()


def named(operation: APIOperation[Any, Any, Any, Any]) -> str:
    return f"{operation.method.upper()} {operation.path}"


def test_every_operation_is_tried() -> None:
    assert len(OPERATIONS) > 40


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_no_request_gets_a_5xx_or_a_status_that_is_not_documented(
    pair: Pair, operation: APIOperation[Any, Any, Any, Any]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation))
    def holds(case: Case[Any]) -> None:
        answer = case.call(base_url=pair.url, headers=KEY | DESKTOP)
        SEEN[answer.status_code] += 1
        case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])

    holds()


def test_the_requests_reached_practices_as_well_as_refusals() -> None:
    """Runs last: a run that only meets refusals would prove nothing."""
    if not SEEN:
        pytest.skip("looks at what the other tests of this file met")
    assert SEEN[200] > 50
    assert {200, 400, 404, 405, 406, 415} <= set(SEEN)
