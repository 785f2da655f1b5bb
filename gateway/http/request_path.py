"""Target of a raw request path: rebuilt from checked segments, or copied if no reading of it is unsafe."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.fhir.resource_types import FhirVersion
from gateway.http.base_urls import ORIGIN_SEGMENT
from gateway.http.fhir_paths import is_async_status, is_fhir_path
from gateway.http.urls import split_url

_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_DELIMITER = re.compile(r"%(2f|5c|2e|25|00)|\\", re.IGNORECASE)
#: A path that needs neither decoding nor a check of its segments.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9\-_~$][A-Za-z0-9\-._~$]*+)++/?", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~$]+", re.ASCII)
#: Characters that no part of a URL contains as they are (RFC 3986), or that would end a path.
_RAW_UNSAFE = re.compile(r"[^!-~]|[#?\\]")
#: Control characters, and the backslash, which some servers read as a slash.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
#: How often a path is decoded: an upstream and its own proxies may each do it.
_MAX_DECODINGS = 4
#: A Halo GUID in lower case.
GUID_PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GUID = re.compile(GUID_PATTERN)

_UNSAFE_PATH_TEXT = (
    "The path of the URL is malformed or unsafe: it has a dot segment, a control character, a backslash, or a"
    " percent sign without two hexadecimal digits of UTF-8. It was not sent. Encode each segment once, as"
    " UTF-8, and write the path without dot segments."
)


@dataclass(frozen=True, slots=True)
class Target:
    """Target of a path: a FHIR path of a site, or another endpoint of Halo (empty `guid`)."""

    api: str
    guid: str
    path: str


def path_segments(raw_path: str) -> tuple[str, ...]:
    """Split a raw path into checked segments, without one trailing slash. Raises Failure 400 or 404."""
    if _PLAIN_PATH.fullmatch(raw_path):
        return tuple(raw_path[1:].removesuffix("/").split("/"))
    if _MALFORMED_ESCAPE.search(raw_path) or _ENCODED_DELIMITER.search(raw_path):
        raise Failure(catalog.PATH_MALFORMED)
    parts = tuple(unquote(part) for part in raw_path.removeprefix("/").removesuffix("/").split("/"))
    if any(part in {"", ".", ".."} for part in parts):
        raise Failure(catalog.PATH_MALFORMED)
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise Failure(catalog.UNKNOWN_PATH)
    return parts


def path_below_mount(raw_path: str, mount: str) -> str:
    """Return the FHIR path below a mount, without slashes at its ends. Raises Failure 400 or 404.

    A path on the upstream's origin is returned as it was sent.
    """
    rest = without_mount(raw_path, mount)
    if is_on_origin(rest.removeprefix("/")):
        return unchanged_path_below_mount(raw_path, mount)
    return "/".join(path_segments(rest)) if rest.strip("/") else ""


def unchanged_path_below_mount(raw_path: str, mount: str) -> str:
    """Return the path below a mount byte for byte, without its first slash. Raises Failure 400.

    However often it is decoded, it has no dot segments, control characters or backslashes. Only an escaped
    `~` as its first segment is unescaped.
    """
    path = without_mount(raw_path, mount).removeprefix("/")
    if _RAW_UNSAFE.search(path) or _MALFORMED_ESCAPE.search(path):
        raise Failure(catalog.PATH_MALFORMED, text=_UNSAFE_PATH_TEXT)
    if any(_UNSAFE.search(text) or _has_dot_segments(text) for text in _readings(path)):
        raise Failure(catalog.PATH_MALFORMED, text=_UNSAFE_PATH_TEXT)
    first, slash, rest = path.partition("/")
    return f"{ORIGIN_SEGMENT}{slash}{rest}" if is_on_origin(first) else path


def path_below_base(path: str, base: str, version: FhirVersion = "4.0") -> str:
    """Return the FHIR path of a path on the origin of a base, if it is below that base; else itself.

    Raises Failure 400 or 404 if only some servers would read it as a FHIR path.
    """
    decoded, below = unquote(path), f"{ORIGIN_SEGMENT}{unquote(split_url(base).path)}"
    rest = decoded.removeprefix(below)
    if not f"{decoded}/".startswith(f"{below}/") or (rest.strip("/") and not is_fhir_path(rest, version)):
        return path
    return "/".join(path_segments(rest)) if rest.strip("/") else _path_of_base(path, below)


def _path_of_base(path: str, below: str) -> str:
    """Path of the base itself; the origin of an upstream without a path has another name."""
    return path if below == ORIGIN_SEGMENT else ""


def is_on_origin(path: str) -> bool:
    """Whether a path below a mount is one on the upstream's origin, beside its base."""
    return unquote(path.partition("/")[0]) == ORIGIN_SEGMENT


def _readings(path: str) -> Iterator[str]:
    """Yield a path and what servers may decode it to. Raises Failure 400 if it is encoded too often."""
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Failure(catalog.PATH_MALFORMED, text=_UNSAFE_PATH_TEXT) from None
    for _ in range(_MAX_DECODINGS):
        yield path
        if decoded == path:
            return
        path, decoded = decoded, unquote(decoded)
    raise Failure(catalog.PATH_MALFORMED, text=_UNSAFE_PATH_TEXT)


def _has_dot_segments(path: str) -> bool:
    """Whether a segment is `.` or `..`, also with parameters or spaces, which some servers remove."""
    return "." in path and any(
        segment.partition(";")[0].strip() in {".", ".."} for segment in path.split("/")
    )


def without_mount(raw_path: str, mount: str) -> str:
    """Return the raw path after a mount, whose letters may be escaped. Raises Failure 400.

    A mount has one segment. The router compares decoded paths, so an escaped slash may follow it.
    """
    if not mount:
        return raw_path
    segment, slash, rest = raw_path.removeprefix("/").partition("/")
    if f"/{unquote(segment)}" != mount:
        raise Failure(catalog.PATH_MALFORMED)
    return slash + rest


def async_status_path(base: str, url: str) -> str:
    """Path of an asynchronous job's status URL on the origin of a FHIR base; empty for other URLs.

    It is beside the base: Health Gorilla's is `/fhir/RequestResult/{id}` for the base `/fhir/R4`.
    """
    origin, parts = split_url(base), split_url(url)
    is_same = (parts.scheme or origin.scheme, parts.netloc or origin.netloc) == (origin.scheme, origin.netloc)
    parent = origin.path.rpartition("/")[0] + "/"
    is_beside = parts.path.startswith(parent) and is_async_status(parts.path.removeprefix(parent))
    return parts.path if is_same and is_beside else ""


def target_from_path(raw_path: str) -> Target:
    """Target of a raw path. Raises Failure 400 for a malformed path or GUID."""
    parts = path_segments(raw_path)
    if parts[:2] == ("fhir", "R4"):
        return Target("", "", "/".join(parts[2:]))
    if parts[1:2] == ("sites",) and parts[3:5] == ("fhir", "R4"):
        return Target(parts[0], parse_guid(parts[2]), "/".join(parts[5:]))
    if parts[1:2] == ("sites",) and len(parts) > 2:  # noqa: PLR2004 - API, "sites", GUID
        parse_guid(parts[2])
    return Target(parts[0], "", "/".join(parts))


def parse_guid(text: str) -> str:
    """Return a Halo GUID in lower case. Raises Failure 400 if the text is no GUID."""
    guid = text.lower()
    if not _GUID.fullmatch(guid):
        raise Failure(catalog.GUID_MALFORMED)
    return guid
