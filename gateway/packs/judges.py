"""Judges of criteria: whether a resource meets a search parameter, by R4's rules (R4 search.html 3.1.1.4).

A value or a modifier that the gateway cannot judge exactly is refused before the request is sent.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.dates.matcher import DatePredicate, elements_at, meets_predicate
from gateway.dates.registry import DateParameter, date_parameter
from gateway.dates.timezones import load_zone
from gateway.dates.value import DateValue, DateValueError, parse_date_value
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Parameter
from gateway.http.urls import resolve_public_url
from gateway.packs.tables import ComparedElement, JudgedParameter, judged_parameter

#: Whether a decoded resource meets the criteria.
Judge = Callable[[dict[str, Any]], bool]
#: Values of one criterion, of which a match meets one.
_Values = list[str]
#: Maximum number of values that are compared with each match.
MAX_VALUES = 100
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_TYPED_ID = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PARTS = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
}
_BOOLEANS = {"true": True, "false": False}
_WITHOUT_SYSTEM = frozenset({"code", "boolean", "uri", "string", "id"})


class UnjudgedError(ValueError):
    """A criterion has a form that the gateway cannot judge."""


def make_judge(request: FhirRequest, criteria: Sequence[Parameter]) -> Judge:
    """Return the judge of criteria on one parameter of the searched type. Raises UnjudgedError."""
    resource_type = request.interaction.type
    tests = [_make_test(request, resource_type, criterion) for criterion in criteria]
    return lambda resource: all(test(resource) for test in tests)


def _make_test(request: FhirRequest, resource_type: str, criterion: Parameter) -> Judge:
    judged = judged_parameter(resource_type, criterion.name)
    if judged is None:
        raise UnjudgedError(criterion.code)
    if judged.type == "date":
        return _date_test(request, date_parameter(resource_type, criterion.name), criterion.value)
    values = _split_values(criterion.value)
    make = {"token": _token_test, "reference": _reference_test, "string": _string_test}[judged.type]
    return make(request, judged, values)


def _split_values(text: str) -> _Values:
    """Alternatives of a criterion. Raises UnjudgedError for an escape, an empty value and a long list."""
    values = text.split(",")
    if "\\" in text or len(values) > MAX_VALUES or not all(value.strip() for value in values):
        raise UnjudgedError
    return values


def _date_test(request: FhirRequest, parameter: DateParameter | None, text: str) -> Judge:
    values = _parse_dates(text)
    if parameter is None or any(value.prefix == "ap" for value in values):
        raise UnjudgedError
    zone = request.site.zone if request.site is not None else load_zone("UTC")
    predicate = DatePredicate(parameter, (values,))
    return lambda resource: meets_predicate(predicate, resource, zone)


def _parse_dates(text: str) -> tuple[DateValue, ...]:
    try:
        return tuple(map(parse_date_value, _split_values(text)))
    except DateValueError:
        raise UnjudgedError from None


def _token_test(_: FhirRequest, judged: JudgedParameter, values: _Values) -> Judge:
    tokens = [value.strip().casefold().rpartition("|") for value in values]
    if any(separator for _, separator, _ in tokens) and _has_type(judged, _WITHOUT_SYSTEM):
        raise UnjudgedError  # the system of a code is implied by its element
    if _has_type(judged, {"boolean"}) and not all(code in _BOOLEANS for *_, code in tokens):
        raise UnjudgedError
    if any(not system and not code for system, _, code in tokens):
        raise UnjudgedError
    return lambda resource: any(
        _is_token(token, system, code) for token in tokens for system, code in _tokens_of(judged, resource)
    )


def _has_type(judged: JudgedParameter, types: frozenset[str] | set[str]) -> bool:
    return any(element.type in types for element in judged.elements)


def _is_token(token: tuple[str, str, str], system: str, code: str) -> bool:
    """Whether a coded value meets `code`, `|code`, `system|` or `system|code`; case does not count (R4)."""
    wanted_system, separator, wanted = token
    return (not separator or system == wanted_system) and wanted in {"", code}


def _tokens_of(judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for element in judged.elements:
        for value in elements_at(resource, element.path):
            yield from ((system.casefold(), code.casefold()) for system, code in _tokens_in(element, value))


def _tokens_in(element: ComparedElement, value: Any) -> Iterator[tuple[str, str]]:
    """Yield system and code of a value; nothing if it has another shape than its type."""
    if element.type == "CodeableConcept":
        codings = value.get("coding") if isinstance(value, dict) else None
        for coding in codings if isinstance(codings, list) else ():
            yield from _coded_values(coding, "code")
    elif element.type in {"Coding", "Identifier"}:
        yield from _coded_values(value, "code" if element.type == "Coding" else "value")
    elif isinstance(value, bool):
        yield "", str(value).lower()
    elif isinstance(value, str):
        yield "", value


def _coded_values(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and isinstance(value.get(name), str):
        system = value.get("system")
        yield system if isinstance(system, str) else "", value[name]


def _reference_test(request: FhirRequest, judged: JudgedParameter, values: _Values) -> Judge:
    if not all(_ID.fullmatch(value) or _TYPED_ID.fullmatch(value) or "://" in value for value in values):
        raise UnjudgedError
    ids = {value for value in values if _ID.fullmatch(value)}
    urls = {_without_version(resolve_public_url(request, value)) for value in values if "/" in value}

    def test(resource: dict[str, Any]) -> bool:
        references = _references_of(request, judged, resource)
        return any(url in urls or url.rpartition("/")[2] in ids for url in references)

    return test


def _references_of(request: FhirRequest, judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[str]:
    for element in judged.elements:
        for value in elements_at(resource, element.path):
            reference = value.get("reference") if isinstance(value, dict) else None
            if isinstance(reference, str) and reference:
                yield _without_version(resolve_public_url(request, reference))


def _without_version(url: str) -> str:
    return url.partition("/_history/")[0]


def _string_test(_: FhirRequest, judged: JudgedParameter, values: _Values) -> Judge:
    starts = tuple(map(_plain_text, values))
    return lambda resource: any(_plain_text(text).startswith(starts) for text in _texts_of(judged, resource))


def _texts_of(judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[str]:
    for element in judged.elements:
        paths = [(*element.path, part) for part in _PARTS.get(element.type, ())] or [element.path]
        for path in paths:
            yield from (text for text in elements_at(resource, path) if isinstance(text, str))


def _plain_text(text: str) -> str:
    """Text without case and accents, by which R4 compares strings."""
    decomposed = unicodedata.normalize("NFKD", text.strip())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
