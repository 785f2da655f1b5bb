"""Header fields that the gateway passes on, by direction, each with its reason; it removes all others.

Hop-by-hop fields (RFC 9110 section 7.6.1) are in no table, and fields that `Connection` names are removed.
"""

import re

from gateway.exchange import Headers

#: Fields of credentials; each is sent only to an upstream that requires it.
CREDENTIALS = frozenset({"authorization", "deviceid", "ocp-apim-subscription-key"})

#: Field of Health Gorilla's clients; it is sent only to an upstream that reads it.
IDEMPOTENCY_KEY = "hg-idempotency-key"

#: Field of the gateway's responses: number of attempts, if there was more than one.
ATTEMPTS_HEADER = "gateway-attempts"

#: Client to upstream.
REQUEST_HEADERS = {
    "accept-language": "display texts",
    "authorization": "bearer token of the desktop API, Health Gorilla and HaloITSM",
    "content-encoding": "coding of a body that is passed through; the gateway unpacks any other",
    "content-type": "media type of the body",
    "deviceid": "the desktop API's second credential",
    IDEMPOTENCY_KEY: "Health Gorilla recognises a repeated create by it",
    "if-none-exist": "conditional create, judged by the upstream",
    "ocp-apim-subscription-key": "the integrator API's credential",
    "prefer": "handling, return and respond-async concern the upstream",
    "user-agent": "Halo's support identifies an integrator's requests by it",
    "x-correlation-id": "the client's own tracing",
}

#: Client to upstream, with a write only; with a read they refer to the gateway's own representation.
CONDITIONAL_HEADERS = {
    "if-match": "version-aware update, judged by the upstream",
    "if-none-match": "create only if the resource does not exist, judged by the upstream",
    "if-unmodified-since": "change only if the resource has not changed since, judged by the upstream",
}

#: Fields of a client that reach an upstream in some form.
SENT_HEADERS = frozenset({"accept", *REQUEST_HEADERS, *CONDITIONAL_HEADERS})
#: A value without control characters and without bytes of unknown encoding (RFC 9110 section 5.5).
_PLAIN_VALUE = re.compile(r"[\t\x20-\x7e]*+")
#: A value that HTTP/1.1 can contain.
_VALID_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*+")
#: Maximum of a wait in Retry-After: quotas reset daily.
_MAX_WAIT_SECONDS = 86_400
#: Seconds, or a date (RFC 9110 section 10.2.3).
_RETRY_AFTER = re.compile(r"\d{1,9}|[A-Z][a-z]{2}[A-Za-z0-9,:+ -]{1,40}", re.ASCII)

#: Upstream to client.
RESPONSE_HEADERS = {
    "allow": "methods of a resource",
    "content-disposition": "file name of a Binary or of a query's result",
    "content-language": "language of the body",
    "content-location": "version or status URL that the body represents",
    "content-type": "media type of the body",
    "etag": "version of a resource, for If-Match",
    "last-modified": "time of the resource's last change",
    "link": "related URLs of a resource",
    "location": "URL of the created resource",
    "preference-applied": "preferences of Prefer that the upstream applied",
    "ratelimit": "the integrator's own quota",
    "ratelimit-policy": "the integrator's own quota",
    "retry-after": "time until the client may retry",
    "rows-count": "SQL Passthrough result page",
    "rows-range-end": "SQL Passthrough result page",
    "rows-range-start": "SQL Passthrough result page",
    "size": "SQL Passthrough result page",
    "www-authenticate": "authentication scheme of the upstream",
    "x-correlation-id": "the client's own tracing",
    "x-hg-request-id": "Health Gorilla's support finds a request by it",
    "x-progress": "progress of an asynchronous request",
    "x-ratelimit-limit": "the integrator's own quota",
    "x-ratelimit-remaining": "the integrator's own quota",
    "x-ratelimit-reset": "the integrator's own quota",
}


#: Upstream to the gateway's cache, which removes them: they describe the upstream's representation.
CACHING_HEADERS = {
    "age": "age of the response on arrival",
    "cache-control": "whether and how long the response may be stored",
    "date": "time at which the response was generated",
    "expires": "end of the response's freshness",
    "pragma": "HTTP/1.0's no-cache",
    "vary": "request fields that the response depends on",
}


def is_plain_value(value: str) -> bool:
    """Whether a field's value is visible ASCII, spaces and tabs."""
    return _PLAIN_VALUE.fullmatch(value) is not None


def valid_headers(headers: Headers) -> Headers:
    """Return the fields without control characters, and one Retry-After in its syntax, of at most a day."""
    valid = [field for field in headers if field[0] != "retry-after" and _VALID_VALUE.fullmatch(field[1])]
    waits = [value for name, value in headers if name == "retry-after" and _RETRY_AFTER.fullmatch(value)]
    return (*[("retry-after", _bounded_wait(value)) for value in waits[:1]], *valid)


def _bounded_wait(value: str) -> str:
    return str(min(int(value), _MAX_WAIT_SECONDS)) if value.isdecimal() else value


def filter_headers(headers: Headers, allow_list: dict[str, str]) -> Headers:
    """Return the fields of an allow list, without those that `Connection` declares hop-by-hop."""
    kept = [field for field in headers if field[0] in allow_list]
    connection = ",".join([value for name, value in headers if name == "connection"])
    if not connection:
        return tuple(kept)
    hop_by_hop = {name.strip() for name in connection.lower().split(",")}
    return tuple([field for field in kept if field[0] not in hop_by_hop])
