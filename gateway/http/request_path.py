"""Target of a raw request path, rebuilt from checked segments and never copied."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.errors import catalog
from gateway.errors.failure import Failure
from gateway.http.urls import split_url

_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_DELIMITER = re.compile(r"%(2f|5c|2e|25|00)|\\", re.IGNORECASE)
#: A path that needs neither decoding nor a check of its segments.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9\-_~$][A-Za-z0-9\-._~$]*+)++/?", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~$]+", re.ASCII)
_ASYNC_STATUS = re.compile(r"RequestResult/[A-Za-z0-9\-_][A-Za-z0-9\-._]*", re.ASCII)
#: A Halo GUID in lower case.
GUID_PATTERN = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GUID = re.compile(GUID_PATTERN)

#: First segment below the gateway's base for paths on the upstream's origin, outside its FHIR base.
ORIGIN_SEGMENT = "~"


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
    """Return the checked path below a mount, without slashes at its ends. Raises Failure 400 or 404."""
    rest = without_mount(raw_path, mount)
    return "/".join(path_segments(rest)) if rest.strip("/") else ""


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


def is_async_status(path: str) -> bool:
    """Whether a path below some base is that of an asynchronous job."""
    return _ASYNC_STATUS.fullmatch(path) is not None


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
