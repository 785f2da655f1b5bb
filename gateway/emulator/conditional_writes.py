"""Conditional writes (R4 http.html), as far as the variant `conditional_writes` lets the site honour them."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from gateway.emulator.bundle import apply_date_variants
from gateway.emulator.data.records import Record
from gateway.emulator.request_context import RequestContext
from gateway.emulator.search.query import parse_search
from gateway.emulator.search.refusal import Refusal
from gateway.emulator.settings import ConditionalForm


def promised_elements(context: RequestContext) -> dict[str, Any]:
    """Elements of `rest.resource` that promise conditional writes."""
    promised = context.variants.conditional_writes.promised
    return {name: value for form, (name, value) in _ELEMENTS.items() if form in promised}


def record_to_create(context: RequestContext, request: Request, resource_type: str) -> Record | None:
    """Return the row that meets If-None-Exist instead of a new one. Raises Refusal (412)."""
    criteria = request.headers.get("if-none-exist", "")
    return _only_match(context, resource_type, criteria) if criteria and _honours(context, "create") else None


def record_to_update(context: RequestContext, request: Request, resource_type: str) -> Record | None:
    """Return the row that an update by search selects. Raises Refusal (404 if not supported, 412)."""
    if not _honours(context, "update"):
        raise Refusal("engine", 404, "Unable to parse Resource URL", "not-found")
    return _only_match(context, resource_type, request.url.query)


def require_conditions(context: RequestContext, request: Request, record: Record) -> None:
    """Raise Refusal (412) if If-Match or If-None-Match does not permit the change of a row."""
    expected = request.headers.get("if-match", "*")
    if expected not in {"*", etag_of(context, record)} and _honours(context, "version"):
        raise Refusal("engine", 412, "Version conflict", "conflict")
    if request.headers.get("if-none-match") == "*" and _honours(context, "none-match"):
        raise Refusal("engine", 412, "Resource already exists", "conflict")


def version_headers(context: RequestContext, record: Record) -> dict[str, str]:
    """ETag of a row, if the site promises or honours If-Match."""
    forms = context.variants.conditional_writes
    return {"etag": etag_of(context, record)} if "version" in (*forms.promised, *forms.honoured) else {}


def etag_of(context: RequestContext, record: Record) -> str:
    """ETag of the version of a row."""
    return f'W/"{context.practice.version_of(record)}"'


_ELEMENTS: dict[ConditionalForm, tuple[str, Any]] = {
    "create": ("conditionalCreate", True),
    "update": ("conditionalUpdate", True),
    "version": ("versioning", "versioned-update"),
}


def _honours(context: RequestContext, form: ConditionalForm) -> bool:
    return form in context.variants.conditional_writes.honoured


def _only_match(context: RequestContext, resource_type: str, criteria: str) -> Record | None:
    pairs = parse_qsl(criteria.partition("?")[2] or criteria, keep_blank_values=True)
    search = parse_search(resource_type, apply_date_variants(context, resource_type, pairs))
    matches = context.engine.select(search)
    if len(matches) > 1:
        raise Refusal("engine", 412, "Multiple matches", "multiple-matches")
    return matches[0] if matches else None
