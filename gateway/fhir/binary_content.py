"""Content of a Binary in its own media type, for clients that prefer it (R4 binary.html#rest)."""

import binascii
import re
from typing import NamedTuple

import msgspec

from gateway.fhir.raw_json import UnreadableError

#: A media type that a header field can contain (RFC 9110 section 8.3.1).
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;\s*[\w.+-]+=([\w.+-]+|\"[\w .+-]*\"))*", re.ASCII)
#: Media types of a Binary as a resource.
_JSON_TYPES = frozenset({"application/fhir+json", "application/json", "text/json"})


class _Binary(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    contentType: str = ""  # noqa: N815 - FHIR's name
    data: str = ""


class Content(NamedTuple):
    """Body of a response, and its media type."""

    media_type: str
    body: bytes


def binary_content(resource: bytes, ranges: str) -> Content | None:
    """Return a Binary as the first of the media ranges that fits: its content, or the resource as JSON.

    `ranges` are separated by commas, best first. None if none fits, or the resource is no Binary. Raises
    UnreadableError if its `data` is not base64.
    """
    binary = _decode_binary(resource)
    for name in ranges.split(",") if binary.resourceType == "Binary" else ():
        if name in _JSON_TYPES:
            return Content(name, resource)
        if _fits(name, binary.contentType):
            return Content(binary.contentType, _decode_base64(binary.data))
    return None


def permits_type(ranges: str, content_type: str) -> bool:
    """Whether one of the media ranges includes a content type, or is JSON, which every client may prefer."""
    return any(name in _JSON_TYPES or _fits(name, content_type) for name in ranges.split(","))


def _decode_binary(resource: bytes) -> _Binary:
    try:
        return msgspec.json.decode(resource, type=_Binary)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise UnreadableError(type(problem).__name__) from problem


def _fits(media_range: str, content_type: str) -> bool:
    """Whether a range such as `image/*` includes a media type that a header field can contain."""
    if not _MEDIA_TYPE.fullmatch(content_type):
        return False
    name = content_type.partition(";")[0].strip().lower()
    return name == media_range or (media_range.endswith("/*") and name.startswith(media_range[:-1]))


def _decode_base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except binascii.Error as problem:
        raise UnreadableError("Base64") from problem
