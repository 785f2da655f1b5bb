"""What a span may contain: names of attributes, and for each the values that it may have.

No value of a client or an upstream is in any of them: each is a number, a code, or a name of the
configuration.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, get_args

from gateway.fhir.interaction import Interaction, InteractionCode
from gateway.fhir.resource_types import RESOURCE_TYPES_BY_VERSION
from gateway.sql.interaction import OTHER_ACTION
from gateway.sql.operation import SqlAction

#: Value of an attribute, as OpenTelemetry takes it.
AttributeValue = str | int | tuple[str, ...]
Attributes = Mapping[str, AttributeValue]
#: Method that stands for every unknown one (OpenTelemetry, HTTP spans).
OTHER_METHOD: Final = "_OTHER"

_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", OTHER_METHOD})
_TYPES: Final = frozenset().union(*RESOURCE_TYPES_BY_VERSION.values())
_INTERACTIONS: Final = frozenset(
    {*get_args(InteractionCode), *(f"sql-{action}" for action in (*SqlAction, OTHER_ACTION))} - {"sql"}
)
_CACHE_OUTCOMES: Final = frozenset(
    {"hit", "revalidated", "stale", "collapsed", "miss", "not-stored", "write", "bypass"}
)
#: Names of upstreams and apps, error codes and ids of repairs.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
#: Longest alias of a site with the name of its mount, in characters.
_MAX_ALIAS: Final = 92
#: Interaction -> rest of the template of its path, behind the type.
_REST: Final[Mapping[str, str]] = {
    "read": "/{id}",
    "vread": "/{id}/_history/{version}",
    "update": "/{id}",
    "patch": "/{id}",
    "delete": "/{id}",
    "history": "/{id}/_history",
    "operation": "/{id}/${operation}",
}
#: Rest without an id.
_REST_OF_TYPE: Final[Mapping[str, str]] = {"history": "/_history", "operation": "/${operation}"}
_WHOLE: Final[Mapping[str, str]] = {
    "capabilities": "{base}/metadata",
    "other": "{path}",
    "sql": "{base}/queries/{query}",
}
_RESTS: Final = frozenset({"", *_REST.values(), *_REST_OF_TYPE.values()})


def url_template(interaction: Interaction) -> str:
    """Return the form of a path, with placeholders for everything that a client chooses."""
    code, type_ = interaction.code, interaction.type
    if code in _WHOLE:
        return _WHOLE[code]
    rest = (_REST if interaction.id else _REST_OF_TYPE).get(code, "")
    return f"{{base}}/{type_}{rest}" if type_ else f"{{base}}{rest}"


def _is_template(value: object) -> bool:
    if not isinstance(value, str) or value in _WHOLE.values():
        return value in _WHOLE.values()
    base, _, path = value.partition("/")
    type_, slash, rest = path.partition("/")
    is_typed = type_ in _TYPES and f"{slash}{rest}" in _RESTS
    return base == "{base}" and (not path or is_typed or f"/{path}" in _RESTS)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_status(value: object) -> bool:
    return isinstance(value, int) and 100 <= value <= 599  # noqa: PLR2004 - HTTP's statuses


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_alias(value: object) -> bool:
    """Whether a value may be an alias of a site, in any script, or the first digits of its GUID."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_ALIAS and value.isprintable()


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_name, value))


#: Attributes that may leave the gateway, and the check of their values; docs/observability.md explains them.
ATTRIBUTES: Final[Mapping[str, Callable[[object], bool]]] = {
    "http.request.method": _METHODS.__contains__,
    "http.response.status_code": _is_status,
    "http.response.body.size": _is_count,
    "http.request.resend_count": _is_count,
    "url.template": _is_template,
    "error.type": _is_name,
    "fhir.interaction": _INTERACTIONS.__contains__,
    "fhir.resource_type": _TYPES.__contains__,
    "halo_gateway.site": _is_alias,
    "halo_gateway.app": _is_name,
    "halo_gateway.upstream": _is_name,
    "halo_gateway.cache": _CACHE_OUTCOMES.__contains__,
    "halo_gateway.upstream_requests": _is_count,
    "halo_gateway.repairs": _are_names,
}
#: Attributes of the process, in each export.
RESOURCE_ATTRIBUTES: Final = frozenset({"service.name", "service.version", "service.instance.id"})


def permitted_attributes(attributes: Mapping[str, object] | None) -> dict[str, AttributeValue]:
    """Return the attributes that may leave the gateway."""
    return {
        name: value  # type: ignore[misc] # the check admits no other types
        for name, value in (attributes or {}).items()
        if name in ATTRIBUTES and _is_permitted(name, value)
    }


def _is_permitted(name: str, value: object) -> bool:
    try:
        return ATTRIBUTES[name](value)
    except TypeError:  # a value that no set can contain
        return False


def span_name(attributes: Attributes) -> str:
    """Return the name of a span: method and path template, as OpenTelemetry names HTTP spans."""
    method = attributes.get("http.request.method", OTHER_METHOD)
    template = attributes.get("url.template", "")
    return f"{'HTTP' if method == OTHER_METHOD else method} {template}".strip()
