"""Checks of what a plugin's facets return: each says what is wrong with a result; empty if nothing is."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from gateway.exchange import FhirRequest, Headers, may_write
from gateway.fhir.bundle import Entry, Link
from gateway.fhir.interaction import Interaction, interaction_for
from gateway.fhir.raw_json import UnreadableError, object_fields
from gateway.fhir.search_params import Parameter, SearchParams, parse_search
from gateway.http.headers import is_plain_value
from gateway.repairs.repair import Fields, Links

#: What a repair may change in a request, and of which type it is. `path` stays below the base.
_FREE_PARTS: dict[str, type] = {
    "upstream_search": SearchParams,
    "headers": tuple,
    "body": bytes,
    "path": str,
    "interaction": Interaction,
}
_FIXED_PARTS = tuple(name for name in FhirRequest.__struct_fields__ if name not in _FREE_PARTS)
#: Fields of a Bundle and of an entry, by which clients find what a search has found.
_FIXED_FIELDS, _FIXED_ENTRY_FIELDS = ("resourceType", "type", "total", "entry"), ("search", "request")
_IDENTITY = ("resourceType", "id")
#: Headers that are credentials, or name a host, at every upstream.
_ALWAYS_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "host"})
#: Headers of a connection, of a message's framing (RFC 9110 section 7.6.1, RFC 9112 section 6), and cookies.
_FIXED_HEADERS = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-range", "keep-alive", "set-cookie"),
        *("proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
#: A name of a header in lower case (RFC 9110 section 5.6.2).
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
#: `name=value` as a URL contains it (RFC 3986 section 3.4), without the separator.
_RAW_PARAMETER = re.compile(r"[A-Za-z0-9\-._~!$'()*+,;:@/?%=|]*")
_URL_MARKS = frozenset("?#\\%")
_INTERACTIONS_WITHOUT_FHIR = frozenset({"other", "sql"})
_raw_decoder = msgspec.json.Decoder(Raw)


def request_problem(old: FhirRequest, new: Any, credential_headers: frozenset[str]) -> str:
    """Check a request, which keeps its credentials (`credential_headers` are lower-case names)."""
    if not isinstance(new, FhirRequest):
        return f"returned {type(new).__name__}"
    return next(filter(None, _request_problems(old, new, credential_headers)), "")


def _request_problems(old: FhirRequest, new: FhirRequest, credentials: frozenset[str]) -> Iterator[str]:
    changed = [name for name in _FIXED_PARTS if getattr(new, name) != getattr(old, name)]
    yield f"changed {', '.join(changed)}" if changed else ""
    wrong = [name for name, kind in _FREE_PARTS.items() if not isinstance(getattr(new, name), kind)]
    yield f"returned {type(getattr(new, wrong[0])).__name__} for {wrong[0]}" if wrong else ""
    is_form = old.interaction.is_search and old.method == "POST" and new.body != old.body
    yield "changed the body of a search: change upstream_search" if is_form else ""
    yield _path_problem(old, new)
    yield "" if new.headers is old.headers else headers_problem(old.headers, new.headers)
    names = credentials | _ALWAYS_CREDENTIALS
    yield (
        "changed credentials"
        if _header_fields(new.headers, names) != _header_fields(old.headers, names)
        else ""
    )
    yield _search_problem(old.upstream_search, new.upstream_search)


def _path_problem(old: FhirRequest, new: FhirRequest) -> str:
    if (new.path, new.interaction) == (old.path, old.interaction):
        return ""
    if new.path != old.path and _leaves_base(new.path):
        return "changed the path to one outside the base"
    if old.interaction.code in _INTERACTIONS_WITHOUT_FHIR:
        return "changed the interaction" if new.interaction != old.interaction else ""
    actual = interaction_for(new.method, new.path)
    if actual is None or new.interaction not in {old.interaction, actual}:
        return "changed the path or the interaction, so that they do not agree"
    is_same = may_write(new.replace(interaction=actual)) == may_write(old) == may_write(new)
    return "" if is_same else "changed whether the request writes"


def _leaves_base(path: str) -> bool:
    has_mark = not _URL_MARKS.isdisjoint(path) or not path.isprintable()
    return has_mark or path.startswith("~") or not {"", ".", ".."}.isdisjoint(path.split("/"))


def _search_problem(old: SearchParams, new: SearchParams) -> str:
    if new is old:
        return ""
    if not isinstance(new.parameters, tuple):
        return f"returned {type(new.parameters).__name__} for the parameters of a search"
    known = set(old.parameters)
    is_good = all(parameter in known or _is_parameter(parameter) for parameter in new.parameters)
    return "" if is_good else "returned a parameter whose raw text is not its name and value in a URL"


def _is_parameter(new: Any) -> bool:
    """Whether a parameter says the same to the cache, by name and value, as to the upstream, by `raw`."""
    if not isinstance(new, Parameter) or not isinstance(new.raw, str) or new.place not in {"url", "form"}:
        return False
    parts = (new.raw, "") if new.place == "url" else ("", new.raw)
    return _RAW_PARAMETER.fullmatch(new.raw) is not None and parse_search(*parts).parameters == (new,)


def headers_problem(old: Headers, new: Any) -> str:
    """Check header fields: those that are new, and that connection and framing keep theirs."""
    if not isinstance(new, tuple) or not all(map(_is_header, set(new).difference(old))):
        return "returned malformed headers"
    changed = sorted({*_header_fields(old, _FIXED_HEADERS)} ^ {*_header_fields(new, _FIXED_HEADERS)})
    return f"changed the header {changed[0][0]}" if changed else ""


def _is_header(field: Any) -> bool:
    is_pair = isinstance(field, tuple) and len(field) == 2  # noqa: PLR2004
    if not is_pair or not all(isinstance(text, str) for text in field):
        return False
    return _NAME.fullmatch(field[0].lower()) is not None and is_plain_value(field[1])


def _header_fields(headers: Headers, names: frozenset[str]) -> Headers:
    return tuple((name.lower(), value) for name, value in headers if name.lower() in names)


def links_problem(old: Links, new: Any) -> str:
    """Check links: the same relations, each with a URL."""
    if not isinstance(new, tuple) or not all(isinstance(link, Link) for link in new):
        return f"returned {type(new).__name__} for links"
    if not all(isinstance(link.url, str) and link.url.isprintable() for link in new):
        return "returned a link without a URL"
    are_same = sorted(link.relation for link in old) == sorted(link.relation for link in new)
    problems = (_values_problem({}, link.fields) for link in new)
    return next(filter(None, problems), "") if are_same else "added or removed a link"


def entry_problem(old: Entry, new: Any) -> str:
    """Check an entry: the same resource, found in the same way."""
    if not isinstance(new, Entry):
        return f"returned {type(new).__name__} for an entry"
    if problem := _values_problem(old.fields, new.fields):
        return problem
    if _changed_names(old.fields, new.fields, _FIXED_ENTRY_FIELDS):
        return "changed how an entry was found"
    if (old.resource is None) != (new.resource is None):
        return "added or removed a resource"
    if old.resource is None or new.resource is None or new.resource is old.resource:
        return ""
    changed = _changed_names(object_fields(old.resource), object_fields(new.resource), _IDENTITY)
    return f"changed {', '.join(changed)} of a resource" if changed else ""


def fields_problem(old: Fields, new: Any) -> str:
    """Check a Bundle's own fields: the same matches."""
    if problem := _values_problem(old, new):
        return problem
    changed = _changed_names(old, new, _FIXED_FIELDS)
    return f"changed {', '.join(changed)} of a Bundle" if changed else ""


def _values_problem(old: Fields, new: Any) -> str:
    """Check that names are texts and new values JSON, as the whole must stay. Raises UnreadableError."""
    if not isinstance(new, Mapping):
        return f"returned {type(new).__name__} for fields"
    for name, value in new.items():
        if not isinstance(name, str) or not isinstance(value, Raw):
            return f"returned {type(value).__name__} for a field"
        if value is not old.get(name):
            _require_json(value)
    return ""


def _require_json(value: Raw) -> None:
    """Raise UnreadableError if a value is not JSON in UTF-8."""
    try:
        bytes(value).decode()
        _raw_decoder.decode(value)
    except (ValueError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def _changed_names(old: Fields, new: Fields, names: Iterable[str]) -> list[str]:
    return [name for name in names if _bytes(old, name) != _bytes(new, name)]


def _bytes(fields: Fields, name: str) -> bytes | None:
    return bytes(fields[name]) if name in fields else None
