"""Which header fields pass, in which direction, and why: anything not named here stops at the gateway.

Hop-by-hop fields (RFC 9110 section 7.6.1) are in neither table; nor is any field that `Connection` names.
"""

from gateway.exchange import Headers

#: Each goes only to an upstream whose credential it is.
CREDENTIALS = frozenset({"authorization", "deviceid", "ocp-apim-subscription-key"})

#: Client to upstream.
REQUEST_HEADERS = {
    "accept-language": "display texts",
    "authorization": "bearer token of the desktop API, Health Gorilla and HaloITSM",
    "content-type": "media type of the body",
    "deviceid": "the desktop API's second credential",
    "hg-idempotency-key": "Health Gorilla makes a repeated create one by it",
    "if-none-exist": "conditional create, judged by the upstream",
    "ocp-apim-subscription-key": "the integrator API's credential",
    "prefer": "handling, return and respond-async belong to the server that acts",
    "user-agent": "Halo's support finds an integrator's requests by it",
    "x-correlation-id": "the client's own tracing",
}

#: Client to upstream with a change; with a read they are about the gateway's own representation.
CONDITIONAL_HEADERS = {
    "if-match": "version-aware update, judged by the upstream",
    "if-none-match": "create only what is not there yet, judged by the upstream",
    "if-unmodified-since": "change only what nobody else has changed, judged by the upstream",
}

#: Upstream to client.
RESPONSE_HEADERS = {
    "allow": "methods of a resource",
    "content-disposition": "file name of a Binary or of a query's result",
    "content-language": "language of the body",
    "content-location": "which version or status URL the body stands for",
    "content-type": "media type of the body",
    "etag": "version of a resource, for If-Match",
    "last-modified": "when the resource changed",
    "link": "related URLs of a resource",
    "location": "URL of what was created",
    "preference-applied": "what became of Prefer",
    "ratelimit": "the integrator's own quota",
    "ratelimit-policy": "the integrator's own quota",
    "retry-after": "when to ask again",
    "rows-count": "SQL Passthrough result page",
    "rows-range-end": "SQL Passthrough result page",
    "rows-range-start": "SQL Passthrough result page",
    "size": "SQL Passthrough result page",
    "www-authenticate": "how to authenticate at the upstream",
    "x-correlation-id": "the client's own tracing",
    "x-progress": "how far an asynchronous request has come",
    "x-ratelimit-limit": "the integrator's own quota",
    "x-ratelimit-remaining": "the integrator's own quota",
    "x-ratelimit-reset": "the integrator's own quota",
}


#: Upstream to our cache, which takes them off again: what they say was said of another representation.
CACHING_HEADERS = {
    "age": "how old the answer was already",
    "cache-control": "whether and how long it may be kept",
    "date": "when it was made",
    "expires": "until when it is fresh",
    "pragma": "HTTP/1.0's no-cache",
    "vary": "what else it depends on",
}


def filter_headers(headers: Headers, allow_list: dict[str, str]) -> Headers:
    """The fields that may pass, without those that `Connection` declares hop-by-hop."""
    hops = {
        name.strip() for key, value in headers if key == "connection" for name in value.lower().split(",")
    }
    return tuple(each for each in headers if each[0] in allow_list and each[0] not in hops)
