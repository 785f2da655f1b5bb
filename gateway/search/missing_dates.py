"""Check of `:missing` on dates: an upstream that ignores it returns records that show the opposite."""

from collections.abc import Iterator

from gateway.dates.matcher import DatePredicate, has_readable_value
from gateway.dates.registry import DateParameter, date_parameter
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.exchange import FhirRequest
from gateway.fhir.bundle import Bundle
from gateway.fhir.raw_json import decode_resource
from gateway.fhir.search_params import SearchParams
from gateway.search.ignored_criteria import may_hide_elements
from gateway.search.match_sample import sample_matches

_SUFFIX = ":missing"
_IS_MISSING = {"true": True, "false": False}


def require_missing_dates(request: FhirRequest, sent_search: SearchParams, bundle: Bundle) -> None:
    """Raise Failure 400 if a match has a date that must be missing, or lacks one that must be there."""
    criteria = tuple(_criteria(request.interaction.type, sent_search))
    if not criteria or may_hide_elements(sent_search):
        return
    resources = [entry.resource for entry in sample_matches(bundle)]
    for resource in (decode_resource(each) for each in resources if each is not None):
        for name, parameter, is_missing in criteria:
            if has_readable_value(DatePredicate(parameter, ()), resource) is is_missing:
                raise Failure(catalog.PARAMETER_IGNORED, expression=f"http.{name}")


def _criteria(resource_type: str, search: SearchParams) -> Iterator[tuple[str, DateParameter, bool]]:
    """Yield name and parameter of each `:missing` of a date whose element is known, and its value."""
    for item in search.parameters:
        code, is_missing = item.name.removesuffix(_SUFFIX), _IS_MISSING.get(item.value)
        parameter = date_parameter(resource_type, code) if item.name.endswith(_SUFFIX) else None
        if parameter is not None and parameter.paths and is_missing is not None:
            yield item.name, parameter, is_missing
