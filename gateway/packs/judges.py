"""Judges of criteria: whether a resource meets a search parameter, by R4's rules (R4 search.html 3.1.1.4).

A value or a modifier that the gateway cannot judge exactly is refused before the request is sent. Of a
resource, the values of the parameter are read once, whatever the number of criteria.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from gateway.dates.matcher import DatePredicate, elements_at, meets_predicate
from gateway.dates.registry import date_parameter
from gateway.dates.unknown_zone import may_meet_predicate
from gateway.dates.value import DateValue, DateValueError, parse_date_value
from gateway.exchange import FhirRequest
from gateway.fhir.search_params import Parameter
from gateway.http.urls import resolve_public_url
from gateway.packs.tables import ComparedElement, JudgedParameter, judged_parameter
from gateway.upstreams.own_words import PLAIN_LETTERS

#: Whether a decoded resource meets the criteria.
Judge = Callable[[dict[str, Any]], bool]
#: Values of one criterion, of which a match meets one.
_Values = list[str]
#: Maximum number of values of all criteria on a parameter.
MAX_VALUES = 100
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_TYPED_ID = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PARTS = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
}
#: Parts that a server may compare as one text.
_JOINED_PARTS = {
    "HumanName": (("given", "family"), ("family", "given"), ("prefix", "given", "family")),
    "Address": (
        ("line", "city", "district", "state", "postalCode", "country"),
        ("city", "state", "postalCode"),
    ),
}
_BOOLEANS = frozenset({"true", "false"})
_LETTERS = PLAIN_LETTERS | str.maketrans(
    {"æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "þ": "th", "Þ": "th", "ð": "d"}
)


class UnjudgedError(ValueError):
    """A criterion has a form that the gateway cannot judge."""


def count_values(criteria: Sequence[Parameter]) -> int:
    """Return the number of values of all criteria."""
    return sum(criterion.value.count(",") + 1 for criterion in criteria)


def can_judge(request: FhirRequest, criterion: Parameter) -> bool:
    """Whether the gateway can judge the searched type by a criterion."""
    try:
        make_judge(request, [criterion])
    except UnjudgedError:
        return False
    return True


def make_judge(request: FhirRequest, criteria: Sequence[Parameter]) -> Judge:
    """Return the judge of criteria on one parameter of the searched type. Raises UnjudgedError."""
    resource_type = request.interaction.type
    if (
        not criteria
        or len({criterion.name for criterion in criteria}) > 1
        or count_values(criteria) > MAX_VALUES
    ):
        raise UnjudgedError
    judged = judged_parameter(resource_type, criteria[0].name)
    if judged is None:
        raise UnjudgedError(criteria[0].code)
    values = [_split_values(criterion.value) for criterion in criteria]
    make = {
        "date": _date_judge,
        "token": _token_judge,
        "reference": _reference_judge,
        "string": _string_judge,
    }
    return make[judged.type](request, judged, criteria[0].name, values)


def _split_values(text: str) -> _Values:
    """Alternatives of a criterion. Raises UnjudgedError for an escape, and for an empty value."""
    values = text.split(",")
    if "\\" in text or not all(value.strip() for value in values):
        raise UnjudgedError
    return values


def _date_judge(request: FhirRequest, _: JudgedParameter, name: str, criteria: list[_Values]) -> Judge:
    parameter = date_parameter(request.interaction.type, name)
    repeats = tuple(map(_parse_dates, criteria))
    if parameter is None:
        raise UnjudgedError
    predicate = DatePredicate(parameter, repeats)
    if request.site is None or request.is_mounted:
        return lambda resource: may_meet_predicate(predicate, resource)
    return partial(meets_predicate, predicate, zone=request.site.zone)


def _parse_dates(values: _Values) -> tuple[DateValue, ...]:
    try:
        dates = tuple(map(parse_date_value, dict.fromkeys(values)))
    except DateValueError:
        raise UnjudgedError from None
    if any(date.prefix == "ap" for date in dates):
        raise UnjudgedError
    return dates


def is_exact_date(request: FhirRequest, criterion: Parameter) -> bool:
    """Whether no time zone counts in the comparison of a date with each element.

    A date without time needs a criterion without an offset; a time has an offset, so the criterion needs one.
    """
    parameter = date_parameter(request.interaction.type, criterion.name)
    has_times = parameter is not None and parameter.kind != "date"
    return parameter is None or all(
        date.on_utc_axis == has_times for date in _parse_dates(_split_values(criterion.value))
    )


#: A form in which a criterion may state a coded value: (system or None, code or None).
_Form = tuple[str | None, str | None]


def _token_judge(_: FhirRequest, judged: JudgedParameter, __: str, criteria: list[_Values]) -> Judge:
    wanted = [frozenset(_wanted_form(judged, value.strip()) for value in values) for values in criteria]

    def judge(resource: dict[str, Any]) -> bool:
        forms = set(_forms_of(judged, resource))
        return all(not forms.isdisjoint(each) for each in wanted)

    return judge


def _wanted_form(judged: JudgedParameter, value: str) -> _Form:
    """Form of `code`, `|code`, `system|` or `system|code`. Raises UnjudgedError.

    Case counts in systems, which are URIs, and not in codes.
    """
    system, separator, code = value.rpartition("|")
    types = {element.type for element in judged.elements}
    if separator and not all(_has_system(element, system) for element in judged.elements):
        raise UnjudgedError  # R4 says no single system of this element
    if not (system or code) or ("boolean" in types and code not in _BOOLEANS):
        raise UnjudgedError
    return system if separator else None, code.casefold() or None


def _has_system(element: ComparedElement, system: str) -> bool:
    """Whether the system of each value of an element is known: it is stated, or bound by R4."""
    return element.type in {"Coding", "CodeableConcept", "Identifier"} or bool(element.system and system)


def _forms_of(judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[_Form]:
    """Yield each form that a criterion may have for a coded value of a resource."""
    for element in judged.elements:
        for value in elements_at(resource, element.path):
            for system, code in _tokens_in(element, value):
                folded = code.casefold()
                yield from ((None, folded), (system, folded), (system, None))


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
        yield element.system, value


def _coded_values(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and isinstance(value.get(name), str):
        system = value.get("system")
        yield system if isinstance(system, str) else "", value[name]


def _reference_judge(request: FhirRequest, judged: JudgedParameter, _: str, criteria: list[_Values]) -> Judge:
    wanted = [frozenset(_wanted_reference(request, value) for value in values) for values in criteria]

    def judge(resource: dict[str, Any]) -> bool:
        references = set(_references_of(request, judged, resource))
        return all(not references.isdisjoint(each) for each in wanted)

    return judge


def _wanted_reference(request: FhirRequest, value: str) -> str:
    """Id as it is, and any other value as a URL. Raises UnjudgedError."""
    if _ID.fullmatch(value):
        return value
    if not (_TYPED_ID.fullmatch(value) or "://" in value):
        raise UnjudgedError
    return _without_version(resolve_public_url(request, value))


def _references_of(request: FhirRequest, judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[str]:
    """Yield the URL of each reference, and the id of one to a resource of this server."""
    base = f"{request.public_base}/"
    for element in judged.elements:
        for value in elements_at(resource, element.path):
            reference = value.get("reference") if isinstance(value, dict) else None
            if isinstance(reference, str) and reference:
                url = _without_version(resolve_public_url(request, reference))
                yield url
                if url.startswith(base) and _TYPED_ID.fullmatch(url, len(base)):
                    yield url.rpartition("/")[2]


def _without_version(url: str) -> str:
    return url.partition("/_history/")[0]


def _string_judge(_: FhirRequest, judged: JudgedParameter, __: str, criteria: list[_Values]) -> Judge:
    starts = [tuple(map(plain_text, values)) for values in criteria]
    if not all(map(all, starts)):
        raise UnjudgedError  # of punctuation only

    def judge(resource: dict[str, Any]) -> bool:
        texts = set(map(plain_text, _texts_of(judged, resource)))
        return all(any(text.startswith(each) for text in texts) for each in starts)

    return judge


def _texts_of(judged: JudgedParameter, resource: dict[str, Any]) -> Iterator[str]:
    for element in judged.elements:
        paths = [(*element.path, part) for part in _PARTS.get(element.type, ())] or [element.path]
        for path in paths:
            yield from _texts_at(resource, path)
        for parts in _JOINED_PARTS.get(element.type, ()):
            for value in elements_at(resource, element.path):
                yield " ".join(text for part in parts for text in _texts_at(value, (part,)))


def _texts_at(node: Any, path: tuple[str, ...]) -> Iterator[str]:
    return (text for text in elements_at(node, path) if isinstance(text, str))


def plain_text(text: str) -> str:
    """Letters and digits of a text without case and accents.

    R4 compares strings so; servers may also leave out punctuation and white space, and none of their matches
    may be lost.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(filter(str.isalnum, decomposed)).casefold()
