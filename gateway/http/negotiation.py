"""Content negotiation (R4 http.html#mime-type): a spelling of JSON, or Failure 406."""

import re
from collections.abc import Sequence

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.resource_types import FhirVersion

FHIR_JSON = "application/fhir+json"
_FHIR_TYPES = frozenset({FHIR_JSON, "application/fhir+xml"})
_PLAIN_JSON = "application/json"

#: Requested spelling -> media type of the response. FHIR permits application/json and text/json, too.
_MEDIA_TYPES = {
    "json": FHIR_JSON,
    FHIR_JSON: FHIR_JSON,
    "application/json+fhir": FHIR_JSON,
    _PLAIN_JSON: _PLAIN_JSON,
    "text/json": "text/json",
    "application/*": FHIR_JSON,
    "*/*": FHIR_JSON,
    "": FHIR_JSON,
}
#: Spellings of JSON in which a resource is sent.
JSON_MEDIA_TYPES = frozenset(_MEDIA_TYPES.values())
#: Media types of a request body, by kind of request.
RESOURCE_MEDIA_TYPES = frozenset(
    {FHIR_JSON, "application/json+fhir", _PLAIN_JSON, "text/json", "application/json-patch+json"}
)
FORM_MEDIA_TYPES = frozenset({"application/x-www-form-urlencoded"})

#: What a `fhirVersion` parameter may name, by the version of an upstream (R4 http.html#version-parameter).
_VERSION_NAMES: dict[FhirVersion, re.Pattern[str]] = {
    "4.0": re.compile(r"4\.0(\.\d)?", re.ASCII),
    "3.0": re.compile(r"3\.0(\.\d)?", re.ASCII),
}
_VERSION_TEXT = (
    "Only version {version} of FHIR is available here. Send Accept: application/fhir+json;"
    " fhirVersion={version}, or leave fhirVersion out."
)
#: Ranges that include FHIR's JSON and other types.
_ANY_TYPE = frozenset({"*/*", "application/*"})
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+*-]+", re.ASCII)
#: JSON, but not a file with a resource in each line (NDJSON).
_JSON_TYPE = re.compile("(?<!nd)json")
#: Other forms of a resource, whose URLs the gateway cannot map, and pages.
_MARKUP = ("xml", "html")
_PARAMETER = re.compile(r';\s*fhirversion\s*=\s*"?([^";,\s]*)', re.IGNORECASE)


def media_type(field: str) -> str:
    """Media type of a Content-Type or Accept range without parameters; a space becomes the lost `+`."""
    return field.partition(";")[0].strip().lower().replace(" ", "+")


def has_supported_version(field: str, version: FhirVersion = "4.0") -> bool:
    """Whether a Content-Type or Accept range names no version of FHIR except the upstream's."""
    return all(map(_VERSION_NAMES[version].fullmatch, _PARAMETER.findall(field)))


def response_media_type(
    formats: tuple[str, ...], accept: str, *, is_binary: bool = False, version: FhirVersion = "4.0"
) -> str:
    """Media type of the response; `_format` overrides Accept. Raises Failure 406 if neither allows JSON.

    The content of a Binary may have any type: a client that prefers one gets all its types in order of
    preference, separated by commas, for `fhir.binary_content`.
    """
    ranges = formats[-1:] or (_ranges_by_quality(accept) if accept.strip() else [""])
    names = [media_type(text) for text in ranges if has_supported_version(text, version)]
    permitted = [name for name in names if name in _MEDIA_TYPES or (is_binary and is_native_type(name))]
    if not permitted:
        raise _not_acceptable(formats, ranges, version)
    first = _MEDIA_TYPES.get(permitted[0], "")
    return first or ",".join(_MEDIA_TYPES.get(name, name) for name in permitted)


def content_media_types(formats: tuple[str, ...], accept: str, version: FhirVersion = "4.0") -> str:
    """Media types of a Binary from an upstream that has its content in other types, too.

    As of `response_media_type`, but a range of any type stays one, because R4 binary.html lets the server
    choose then; FHIR's JSON follows it. Raises Failure 406.
    """
    ranges = formats[-1:] or _ranges_by_quality(accept)
    names = [media_type(text) for text in ranges if has_supported_version(text, version)]
    if not _ANY_TYPE.intersection(names):
        return response_media_type(formats, accept, is_binary=True, version=version)
    permitted = [name for name in names if name in _MEDIA_TYPES or is_native_type(name)]
    types = [name if name in _ANY_TYPE else _MEDIA_TYPES.get(name, name) for name in permitted]
    return types[0] if types[0] in JSON_MEDIA_TYPES else ",".join(dict.fromkeys((*types, FHIR_JSON)))


def result_media_types(formats: tuple[str, ...], accept: str, version: FhirVersion = "4.0") -> str:
    """Media types of an operation's result: JSON if the client permits it, else the files that it accepts.

    Raises Failure 406.
    """
    ranges = formats[-1:] or _ranges_by_quality(accept)
    names = [media_type(text) for text in ranges if has_supported_version(text, version)]
    files = [name for name in names if is_native_type(name) and not name.endswith(_MARKUP)]
    if files and _MEDIA_TYPES.keys().isdisjoint(names):
        return ",".join(files)
    return response_media_type(formats, accept, version=version)


def _not_acceptable(formats: tuple[str, ...], ranges: Sequence[str], version: FhirVersion) -> Failure:
    """Return a 406, which names the version that is served if only the version does not fit."""
    is_of_version = any(media_type(text) in _MEDIA_TYPES and _PARAMETER.search(text) for text in ranges)
    text = _VERSION_TEXT.format(version=version) if is_of_version else ""
    return Failure(catalog.NOT_ACCEPTABLE, text=text, expression="http._format" if formats else "http.Accept")


def prefers_fhir(accept: str) -> bool:
    """Whether an Accept field names FHIR's JSON or XML, and no other range with a higher quality."""
    qualities = [(media_type(text), _range_quality(text)) for text in accept.split(",")]
    own = max((quality for name, quality in qualities if name in _FHIR_TYPES), default=0.0)
    return own > 0 and all(quality <= own for _, quality in qualities)


def is_native_type(name: str) -> bool:
    """Whether a type is not one of FHIR's own, in which a Binary is a resource; NDJSON is a file."""
    return _TYPE.fullmatch(name) is not None and ("fhir" not in name or name.endswith("ndjson"))


def is_json_type(name: str) -> bool:
    """Whether a media type in lower case is JSON of one value."""
    return _JSON_TYPE.search(name) is not None


def _ranges_by_quality(accept: str) -> list[str]:
    ranges = [(_range_quality(text), text) for text in accept.split(",") if text.strip()]
    return [text for quality, text in sorted(ranges, key=lambda pair: -pair[0]) if quality > 0]


def _range_quality(text: str) -> float:
    for part in text.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
