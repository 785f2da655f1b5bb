"""Shape of a request: its names without values, such as `GET Observation?category&date(ge,lt)&patient`."""

from gateway.cache.key import canonical_parameters
from gateway.dates.registry import date_parameter, is_registered
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import RESULT_PARAMETERS, Parameter, SearchParams
from gateway.paging.page_links import PAGE_PARAMETER

#: Prefixes of dates and numbers (R4 search.html#prefix).
_PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
#: Parameters whose repetition with another value gives the same matches, in pages of another size or form.
_FORM_PARAMETERS = ("_count", "_total", "_format", "_pretty")
#: Digits of a `_count` that is shown: a longer number is a value in the wrong place.
_MAX_COUNT_DIGITS = 4


def shape_of(request: FhirRequest) -> str:
    """Shape of a read or search: no value but `_count`, and `other` for names that R4 does not define."""
    type_, search = request.interaction.type, request.client_search
    if not request.interaction.is_search:
        return f"{request.method} {type_}/{{id}}"
    path = f"{type_}/_search" if request.method == "POST" else type_
    if is_page(request):
        return f"{request.method} {path} (next page)"
    names: dict[str, set[str]] = {}
    for parameter in search.parameters:
        names.setdefault(_name(type_, parameter), set()).update(_details(type_, parameter))
    parts = [_part(name, details) for name, details in sorted(names.items())]
    return f"{request.method} {path}" + (f"?{'&'.join(parts)}" if parts else "")


def is_page(request: FhirRequest) -> bool:
    """Whether a search is a page link of the gateway."""
    return any(parameter.name == PAGE_PARAMETER for parameter in request.client_search.parameters)


def criteria_text(
    search: SearchParams, type_: str, *, with_dates: bool = True, as_spelt: bool = False
) -> str:
    """Text that is equal for searches with the same matches, or that differ in dates only. It has values.

    `as_spelt`: it differs for spellings that do not share a response.
    """
    reduced = search.without_parameters(*_FORM_PARAMETERS)
    pairs = canonical_parameters(reduced)
    names = {parameter.name for parameter in reduced.parameters if _is_date(type_, parameter)}
    kept = [
        (name, "" if name in names and not with_dates else value if as_spelt else _plain_patient(name, value))
        for name, value in pairs
    ]
    return repr(sorted(kept))


def _plain_patient(name: str, value: str) -> str:
    return value.removeprefix("Patient/") if name == "patient" else value


def _name(type_: str, parameter: Parameter) -> str:
    code = parameter.code.partition(".")[0]
    return code if code in RESULT_PARAMETERS or is_registered(type_, code) else "other"


def _details(type_: str, parameter: Parameter) -> set[str]:
    if (
        parameter.name == "_count"
        and parameter.value.isdecimal()
        and len(parameter.value) <= _MAX_COUNT_DIGITS
    ):
        return {f"={int(parameter.value)}"}
    prefix = parameter.value[:2]
    return {prefix} if _is_date(type_, parameter) and prefix in _PREFIXES else set()


def _is_date(type_: str, parameter: Parameter) -> bool:
    return parameter.name == parameter.code and date_parameter(type_, parameter.code) is not None


def _part(name: str, details: set[str]) -> str:
    values = [detail for detail in details if detail.startswith("=")]
    if values:
        return name + max(values)
    return f"{name}({','.join(sorted(details))})" if details else name
