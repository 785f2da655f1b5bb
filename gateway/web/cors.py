"""Rules of CORS (Fetch standard, section 3.2): which pages of other origins read answers, and what they send.

A browser asks first (a preflight) before it sends a credential or FHIR's media type; it then shows a page the
answer only if the answer names the page's origin. No rule here depends on who the caller is.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.cache.prepared import NO_FIELDS, AddedFields, RawHeader, render_headers
from gateway.http.origins import parse_origin
from gateway.settings.cors import ANY_ORIGIN, Cors

#: Fields that a page may send.
REQUEST_FIELDS: Final = (
    *("Authorization", "DeviceId", "Content-Type", "Accept", "Prefer", "If-Match", "If-None-Match"),
    *("If-Modified-Since", "If-None-Exist", "Cache-Control", "X-Request-Id", "traceparent", "Gateway-App"),
)
#: The same by `cors.subscription_key`: a page that holds the firm's key has published it.
KEY_FIELD: Final = "Ocp-Apim-Subscription-Key"
#: Fields that a page may read, besides those that browsers always show.
RESPONSE_FIELDS: Final = (
    *("Location", "Content-Location", "ETag", "Last-Modified", "Retry-After", "Link", "X-Request-Id"),
    *("X-Correlation-Id", "Cache-Status", "Age", "Preference-Applied", "X-Progress", "WWW-Authenticate"),
    *("X-Intermediary", "Gateway-Repairs", "Gateway-Validation"),
)
#: First segments of paths that no page of another origin reaches: those of operators and of Halo's webhooks.
_CLOSED_SEGMENTS: Final = frozenset({"admin", "metrics", "hooks"})
#: Paths below a FHIR base that every origin may read (SMART App Launch 2.2, section CORS).
_PUBLIC_PATHS: Final = frozenset({"metadata", ".well-known/smart-configuration"})
_SCHEME_AND_HOST: Final = re.compile(rb"\A[a-z]+://[^/?]*", re.IGNORECASE)
_UPSTREAM_PREFIX: Final = b"access-control-"
_ORIGIN, _VARY, _REQUEST_METHOD = b"origin", b"vary", b"access-control-request-method"


class CorsRoute(NamedTuple):
    """Paths that a pattern matches, and the methods that one of them has.

    `methods_of` gets the path below a FHIR base (`is_fhir`), else the whole path. None: no page of another
    origin reaches it.
    """

    pattern: re.Pattern[str]
    methods_of: Callable[[str], Collection[str]] | None
    is_fhir: bool = False


class _PathRule(NamedTuple):
    methods_of: Callable[[str], Collection[str]]
    path: str
    is_public: bool = False


_UNKNOWN_PATH: Final = _PathRule(lambda _: (), "")


class CorsPolicy:
    """Which fields each answer gets, by path and Origin; the first route that matches a path counts."""

    def __init__(self, settings: Cors, routes: Sequence[CorsRoute]) -> None:
        self._routes = routes
        self._is_any = ANY_ORIGIN in settings.origins
        self._origins = frozenset(settings.origins)
        self._any_fields = _answer_fields(ANY_ORIGIN.encode())
        self._unlisted_fields = AddedFields(vary=_ORIGIN)
        #: Fields of each listed origin as browsers write it; another spelling is rendered again.
        self._fields_by_origin = {
            origin.encode(): _answer_fields(origin.encode(), _ORIGIN) for origin in self._origins
        }
        self._request_fields = ", ".join(
            (*REQUEST_FIELDS, KEY_FIELD) if settings.subscription_key else REQUEST_FIELDS
        ).encode()
        self._max_age = b"%d" % settings.max_age

    def fields_for(self, path: str, headers: Iterable[RawHeader]) -> AddedFields | None:
        """Fields for the answer to a request (names in lower case); None if its path is closed to pages."""
        rule = self._rule_for(path)
        return rule and self._fields_by_rule(rule, headers)

    def fields_for_target(self, target: bytes, headers: Iterable[RawHeader]) -> AddedFields:
        """Fields for a request target as it was received, also a part of one; none if its path is closed."""
        if not target.startswith(b"/"):
            target = _SCHEME_AND_HOST.sub(b"", target)
        path = unquote_to_bytes(target.partition(b"?")[0]).decode("utf-8", "replace")
        return self.fields_for(path, headers) or NO_FIELDS

    def preflight_fields(self, path: str, headers: Sequence[RawHeader]) -> list[RawHeader] | None:
        """Fields of the answer to a preflight; None if an OPTIONS request is none, or its path is closed."""
        names = {name for name, _ in headers}
        rule = self._rule_for(path) if {_ORIGIN, _REQUEST_METHOD} <= names else None
        if rule is None:
            return None
        added = self._fields_by_rule(rule, headers)
        permissions = [added.headers[0], *self._permissions(rule)] if added.headers else []
        return [*with_vary((), added.vary), *permissions]

    def _fields_by_rule(self, rule: _PathRule, headers: Iterable[RawHeader]) -> AddedFields:
        if self._is_any or rule.is_public:
            return self._any_fields
        origins = [value for name, value in headers if name == _ORIGIN]
        return self._fields_for_origin(origins[0]) if len(origins) == 1 else self._unlisted_fields

    def _fields_for_origin(self, origin: bytes) -> AddedFields:
        fields = self._fields_by_origin.get(origin)
        if fields is None and parse_origin(origin.decode("latin-1")) in self._origins:
            fields = _answer_fields(origin, _ORIGIN)
        return fields or self._unlisted_fields

    def _permissions(self, rule: _PathRule) -> list[RawHeader]:
        methods = ", ".join(sorted(rule.methods_of(rule.path))).encode()
        return [
            *([(b"access-control-allow-methods", methods)] if methods else []),
            (b"access-control-allow-headers", self._request_fields),
            (b"access-control-max-age", self._max_age),
        ]

    def _rule_for(self, path: str) -> _PathRule | None:
        """Return the rule of a path; None if it is closed. An unknown path is open: a page sees its 404."""
        segments = path.split("/", 2)
        if len(segments) > 1 and segments[1] in _CLOSED_SEGMENTS:
            return None
        for pattern, methods_of, is_fhir in self._routes:
            match = pattern.match(path)
            if match:
                below = match.groupdict().get("path", "").rstrip("/") if is_fhir else path
                return _PathRule(methods_of, below, below in _PUBLIC_PATHS) if methods_of else None
        return _UNKNOWN_PATH


def _answer_fields(origin: bytes, vary: bytes = b"") -> AddedFields:
    headers = (
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", ", ".join(RESPONSE_FIELDS).encode()),
    )
    return AddedFields(headers, render_headers(headers), vary)


def with_added_fields(headers: Iterable[RawHeader], added: AddedFields) -> list[RawHeader]:
    """Return the fields of an answer with those for its request, and without an upstream's of the kind."""
    own = [header for header in headers if not header[0].lower().startswith(_UPSTREAM_PREFIX)]
    return [*with_vary(own, added.vary), *added.headers]


def with_vary(headers: Iterable[RawHeader], name: bytes) -> list[RawHeader]:
    """Return fields whose `Vary` names a request field, too (RFC 9110 section 12.5.5); `*` names all."""
    fields = list(headers)
    if not name:
        return fields
    places = [index for index, header in enumerate(fields) if header[0].lower() == _VARY]
    names = {part.strip().lower() for index in places for part in fields[index][1].split(b",")}
    if {name, b"*"} & names:
        return fields
    if not places:
        return [*fields, (_VARY, name)]
    field, value = fields[places[-1]]
    fields[places[-1]] = (field, b", ".join(filter(None, (value.strip(b" \t,"), name))))
    return fields
