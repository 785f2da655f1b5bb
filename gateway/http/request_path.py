"""A raw request path -> what it addresses. Built anew from checked segments, never copied through."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure

_MALFORMED_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_DELIMITER = re.compile(r"%(2f|5c|2e|25|00)|\\", re.IGNORECASE)
#: A path that needs no decoding, and no look at its segments.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9\-_~$][A-Za-z0-9\-._~$]*+)++/?", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~$]+", re.ASCII)
_STATUS_PATH = re.compile(r"(/[A-Za-z0-9\-._]+)*/RequestResult/[A-Za-z0-9\-._]+", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


#: Below our base: what lies beside the upstream's FHIR base, on its origin.
ORIGIN_SEGMENT = "~"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path addresses: a FHIR path of a site, or one of Halo's other endpoints (`guid` empty)."""

    api: str
    guid: str
    path: str


def path_segments(raw_path: str) -> tuple[str, ...]:
    """The checked segments of a raw path; one trailing slash is forgiven. Raises Failure 400 or 404."""
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
    """The checked path below a mount, without slashes at its ends. Raises Failure 400 or 404."""
    rest = raw_path.removeprefix(mount)
    return "/".join(path_segments(rest)) if rest.strip("/") else ""


def async_status_path(base: str, url: str) -> str:
    """The path of an asynchronous job's status URL on the origin of a FHIR base; empty for other URLs.

    Health Gorilla's lies at `/fhir/RequestResult/{id}`, beside its FHIR base `/fhir/R4`.
    """
    ours, parts = urlsplit(base), urlsplit(url)
    same = (parts.scheme or ours.scheme, parts.netloc or ours.netloc) == (ours.scheme, ours.netloc)
    return parts.path if same and _STATUS_PATH.fullmatch(parts.path) else ""


def target_from_path(raw_path: str) -> Target:
    """The target of a raw path. Raises Failure 400 for a malformed path or GUID."""
    parts = path_segments(raw_path)
    if parts[:2] == ("fhir", "R4"):
        return Target("", "", "/".join(parts[2:]))
    if parts[1:2] == ("sites",) and parts[3:5] == ("fhir", "R4"):
        return Target(parts[0], parse_guid(parts[2]), "/".join(parts[5:]))
    if parts[1:2] == ("sites",) and len(parts) > 2:  # noqa: PLR2004 - surface, "sites", GUID
        parse_guid(parts[2])
    return Target(parts[0], "", "/".join(parts))


def parse_guid(text: str) -> str:
    """A Halo GUID in lower case. Raises Failure 400 when it is none."""
    lowered = text.lower()
    if not _GUID.fullmatch(lowered):
        raise Failure(catalog.GUID_MALFORMED)
    return lowered
