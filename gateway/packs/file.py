"""Content of a pack's file: issues, each with conditions, verbs and examples.

The tables are strict: an unknown key is a problem. `gateway/packs/verbs.py` refuses what a verb may not do.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl

from gateway.fhir.resource_types import RESOURCE_TYPES

#: Bounds of a file.
MAX_ISSUES, MAX_VERBS, MAX_EXAMPLES, MAX_VALUES = 100, 10, 10, 100
_NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}", re.ASCII)
_VERSION = re.compile(r"(<|<=|>=|>|=)? ?\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)
_PATH = re.compile(r"[A-Z][A-Za-z]{1,63}(?:\.[a-z][A-Za-z]{0,63}){1,5}", re.ASCII)
_JSON_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){0,4}", re.ASCII)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) else value


def _require_match(pattern: re.Pattern[str], expected: str) -> Any:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"write {expected}")
        return text

    return AfterValidator(check)


def _require_type(name: str) -> str:
    if name not in RESOURCE_TYPES:
        raise ValueError("write a resource type of FHIR R4, such as Patient")
    return name


ParameterName = Annotated[str, _require_match(_PARAMETER, "a parameter's name without a modifier or chain")]
TypeName = Annotated[str, AfterValidator(_require_type)]
ElementPath = Annotated[str, _require_match(_PATH, "the path of an element, such as Patient.gender")]
JsonPath = Annotated[str, _require_match(_JSON_PATH, "names of JSON members with dots, such as error.code")]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Reason = Annotated[str, Field(min_length=10, max_length=400)]
Statuses = Annotated[list[int], BeforeValidator(_as_list), Field(min_length=1, max_length=20)]
ParameterNames = Annotated[
    list[ParameterName], BeforeValidator(_as_list), Field(min_length=1, max_length=MAX_VALUES)
]
TypeNames = Annotated[list[TypeName], BeforeValidator(_as_list), Field(min_length=1, max_length=MAX_VALUES)]
InteractionName = Literal[
    "search-type",
    "read",
    "vread",
    "history",
    "create",
    "update",
    "patch",
    "delete",
    "operation",
    "capabilities",
]


def _file_key(name: str) -> str:
    return name.replace("_", "-")


class Table(BaseModel):
    """A table of the file: its keys have hyphens, and no others are accepted."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, alias_generator=_file_key, populate_by_name=False
    )


class When(Table):
    """Conditions of an issue, all of which must hold; a list means any of its members."""

    type: TypeNames | None = None
    interaction: Annotated[list[InteractionName], BeforeValidator(_as_list)] | None = None
    parameter: ParameterNames | None = None
    status: Statuses | None = None
    engine_version: Annotated[str, _require_match(_VERSION, "a version like < 26.700")] | None = None


class Rename(Table):
    """A parameter goes up under another name, and comes back in links under the client's."""

    rename: ParameterName
    to: ParameterName
    reason: Reason


class Drop(Table):
    """A parameter is not sent; the gateway judges each match by it."""

    drop: ParameterName
    filter: Literal["token", "reference", "date", "string", "none"]
    reason: Reason


class Filter(Table):
    """A parameter is sent, and the gateway judges each match by it, too."""

    filter: ParameterName
    reason: Reason


class Require(Table):
    """A search needs companions: it is refused without them, or gets a default."""

    require: ParameterNames
    unless: ParameterNames | None = None
    default: Text | None = None
    reason: Reason


class SplitList(Table):
    """A list of a parameter that selects no match is sent as repeated parameters, or the reverse."""

    split_list: ParameterName
    into: Literal["repeated", "list"]


class LimitIds(Table):
    """A search with more values, or more repetitions, of a parameter is refused."""

    limit_ids: Annotated[int, Field(ge=1, le=10_000)]
    parameter: ParameterName = "_id"
    of: Literal["values", "repetitions"] = "values"


class ReadInsteadOfSearch(Table):
    """A search by one id alone is sent as a read, whose resource comes back as a searchset."""

    read_instead_of_search: Literal[True]


class SetCode(Table):
    """A missing code is written as `unknown`."""

    set_code: ElementPath
    value: Literal["unknown"]


class MapCode(Table):
    """Codes that R4 does not have become codes that it has."""

    map_code: ElementPath
    values: Annotated[dict[Text, Text], Field(min_length=1, max_length=MAX_VALUES)]


class SetHeader(Table):
    """A header of the request, or of the answer, has a fixed value."""

    set_header: Text
    value: Text
    on: Literal["request", "answer"] = "request"


class MapStatus(Table):
    """An error of the statuses in `when` means another status."""

    map_status: int
    says: Annotated[str, Field(min_length=8, max_length=200)] | None = None


class ErrorPath(Table):
    """An answer under a success status is an error if it has a member at a path."""

    error_path: JsonPath
    equals: str | int | bool | None = None
    status: int = 502


#: Verbs by name; of a table with several of these keys (`drop` with `filter`), the first one is the verb.
VERBS: dict[str, type[Table]] = {
    "rename": Rename,
    "drop": Drop,
    "require": Require,
    "split-list": SplitList,
    "limit-ids": LimitIds,
    "read-instead-of-search": ReadInsteadOfSearch,
    "set-code": SetCode,
    "map-code": MapCode,
    "set-header": SetHeader,
    "map-status": MapStatus,
    "error-path": ErrorPath,
    "filter": Filter,
}


class Answer(Table):
    """Answer of the upstream; an empty searchset without a body."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    headers: dict[str, str] = {}
    body: str = '{"resourceType":"Bundle","type":"searchset"}'


class Expected(Table):
    """What the upstream receives, or what the client gets; at least one of them.

    `request`: method and URL below the base, or `none`. `contains` and `lacks`: parts of the answer's body.
    """

    request: str | None = None
    request_headers: dict[str, str] = {}
    status: int | None = None
    headers: dict[str, str] = {}
    body: str | None = None
    contains: Annotated[list[str], BeforeValidator(_as_list)] = []
    lacks: Annotated[list[str], BeforeValidator(_as_list)] = []


class Example(Table):
    """An exchange that shows the issue: request, answer of the upstream, and what is expected."""

    request: Annotated[str, Field(pattern=r"^[A-Z]+ \S*$", max_length=2_000)]
    headers: dict[str, str] = {}
    body: str = ""
    engine_version: str = ""
    answer: Answer = Answer()
    expect: Expected


class IssueTable(Table):
    """One issue; the tables of `do` are read apart, each by its verb."""

    id: Annotated[str, Field(pattern=_NAME, max_length=64)]
    title: Text
    source: HttpUrl
    vendor_status: str = ""
    when: When = When()
    do: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_VERBS)]
    example: Annotated[list[Example], Field(min_length=1, max_length=MAX_EXAMPLES)]
