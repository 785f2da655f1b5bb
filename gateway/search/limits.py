"""Limits of a client's search: what exceeds one is refused before any work that grows with the search.

A search may come in a URL, a form, `If-None-Exist` or `$explain`; `parse_limited_search` reads each of them.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.dates.registry import NO_DECLARED_DATES, DeclaredDates, resolve_parameter
from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.interaction import Interaction
from gateway.fhir.search_params import NO_PARAMETERS, Parameter, SearchParams, parse_search


class SearchLimits(NamedTuple):
    """Maximum sizes of one search; the settings `search.<name>` describe them."""

    max_parameters: int = 200
    max_length: int = 100_000
    max_name_length: int = 200
    max_chain_depth: int = 5
    max_list_values: int = 1_000
    max_date_values: int = 100


_COUNT_VALUE = re.compile(r"\d{0,9}", re.ASCII)
_LARGE_COUNT_VALUE = re.compile(r"\d{0,100}", re.ASCII)
#: Characters that a date has at most, unless it has more than nine decimals.
_MAX_USUAL_DATE = 40
DEFAULT_LIMITS = SearchLimits()

#: Limit of one parameter, its measure, and the text of a refusal.
_PARAMETER_LIMITS: tuple[tuple[str, Callable[[Parameter], int], str], ...] = (
    (
        "max_name_length",
        lambda parameter: len(parameter.name),
        "The name of parameter {number} {place} is longer than {limit:,} characters. Shorten it",
    ),
    (
        "max_chain_depth",
        lambda parameter: parameter.name.count(".") + parameter.name.count("_has:"),
        "The name of parameter {number} {place} has more than {limit:,} chains and _has. Use more requests",
    ),
    (
        "max_list_values",
        lambda parameter: parameter.value.count(",") + 1,
        "Parameter {number} {place} has more than {limit:,} values in its list. Split the list",
    ),
)


def parse_limited_search(
    limits: SearchLimits, query: str, form: str = "", *, resource: str = "", place: str = ""
) -> SearchParams:
    """Parse a search in a query string and a form. Raises Failure 400 if it exceeds a limit.

    `resource` is the searched type; `place` names another origin than URL and form, for people.
    """
    if not (query or form):
        return NO_PARAMETERS
    require_few_parameters(limits, query, form, place=place)
    if len(query) + len(form) > limits.max_length:
        text = f"The search {_place_name(place)} is longer than {limits.max_length:,} bytes. Shorten it"
        raise _limit_failure(text, "max_length")
    search = parse_search(query, form)
    for number, parameter in enumerate(search.parameters, 1):
        _require_small_parameter(limits, number, parameter, place)
    require_few_dates(limits.max_date_values, resource, search.parameters)
    return search


def require_valid_count(interaction: Interaction, search: SearchParams, *, is_limited: bool = False) -> None:
    """Raise Failure 400 for a `_count` that is no number of matches, or too large unless it `is_limited`."""
    pattern = _LARGE_COUNT_VALUE if is_limited else _COUNT_VALUE
    if interaction.is_pageable and not all(map(pattern.fullmatch, search.values("_count"))):
        raise Failure(catalog.COUNT_INVALID, expression="http._count")


def require_few_parameters(limits: SearchLimits, query: str, form: str = "", *, place: str = "") -> None:
    """Count the parameters without parsing them. Raises Failure 400 if there are too many."""
    if query.count("&") + form.count("&") >= limits.max_parameters:
        text = f"The search {_place_name(place)} has more than {limits.max_parameters:,} parameters. Split it"
        raise _limit_failure(f"{text} into several searches", "max_parameters")


def require_few_dates(
    limit: int,
    resource: str,
    parameters: Iterable[Parameter],
    declared: DeclaredDates = NO_DECLARED_DATES,
) -> None:
    """Count the values of date parameters, once for each type that a chain may end in. Raises Failure 400."""
    resolved = ((item, resolve_parameter(resource, item.name, declared)) for item in parameters)
    count = sum(_date_count(item.value) * len(dates.parameters) for item, dates in resolved if dates)
    if count > limit:
        text = (
            f"The search has more than {limit:,} date values; after a chain without a resource type, each"
            " counts once for every type. Write a range with ge and lt, or name the type, as in"
            " subject:Patient.birthdate"
        )
        raise _limit_failure(text, "max_date_values")


def _date_count(value: str) -> int:
    """Count the dates of a list; a date with very many decimals counts as several."""
    return max(value.count(",") + 1, len(value) // _MAX_USUAL_DATE)


def _require_small_parameter(limits: SearchLimits, number: int, parameter: Parameter, place: str) -> None:
    for name, measure, text in _PARAMETER_LIMITS:
        limit = getattr(limits, name)
        if measure(parameter) > limit:
            place = _place_name(place or parameter.place)
            raise _limit_failure(text.format(number=number, place=place, limit=limit), name)


def _place_name(place: str) -> str:
    return {"": "in URL and form", "url": "in the URL", "form": "in the form"}.get(place, f"in {place}")


def _limit_failure(text: str, setting: str) -> Failure:
    """Return the refusal; it names a parameter by its number, because a name may be a value in disguise."""
    return Failure(
        catalog.SEARCH_LIMIT, text=f"{text}. It was not sent. The gateway's limit is search.{setting}."
    )
