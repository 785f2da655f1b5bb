"""A raw request path -> what it addresses. Built anew from checked segments, never copied through."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gateway.errors import catalog
from gateway.errors.failure import Failure

_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HIDDEN = re.compile(r"%(2f|5c|2e|25|00)|\\", re.IGNORECASE)
#: A path that needs no decoding, and no look at its segments.
_USUAL = re.compile(r"(?:/[A-Za-z0-9\-_~$][A-Za-z0-9\-._~$]*+)++/?", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~$]+", re.ASCII)
_STATUS = re.compile(r"(/[A-Za-z0-9\-._]+)*/RequestResult/[A-Za-z0-9\-._]+", re.ASCII)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


#: Below our base: what lies beside the upstream's FHIR base, on its origin.
BESIDE = "~"


@dataclass(frozen=True, slots=True)
class Target:
    """What a path addresses: a FHIR path of a site, or one of Halo's other endpoints (`guid` empty)."""

    surface: str
    guid: str
    path: str


def segments(raw: str) -> tuple[str, ...]:
    """The checked segments of a raw path; one trailing slash is forgiven. Raises Failure 400 or 404."""
    if _USUAL.fullmatch(raw):
        return tuple(raw[1:].removesuffix("/").split("/"))
    if _MALFORMED.search(raw) or _HIDDEN.search(raw):
        raise Failure(catalog.PATH_ENCODING)
    parts = tuple(unquote(part) for part in raw.removeprefix("/").removesuffix("/").split("/"))
    if any(part in {"", ".", ".."} for part in parts):
        raise Failure(catalog.PATH_ENCODING)
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        raise Failure(catalog.UNKNOWN_PATH)
    return parts


def below(raw: str, mount: str) -> str:
    """The checked path below a mount, without slashes at its ends. Raises Failure 400 or 404."""
    rest = raw.removeprefix(mount)
    return "/".join(segments(rest)) if rest.strip("/") else ""


def beside(base: str, url: str) -> str:
    """The path of an asynchronous job's status URL on the origin of a FHIR base; empty for other URLs.

    Health Gorilla's lies at `/fhir/RequestResult/{id}`, beside its FHIR base `/fhir/R4`.
    """
    ours, parts = urlsplit(base), urlsplit(url)
    same = (parts.scheme or ours.scheme, parts.netloc or ours.netloc) == (ours.scheme, ours.netloc)
    return parts.path if same and _STATUS.fullmatch(parts.path) else ""


def target(raw: str) -> Target:
    """The target of a raw path. Raises Failure 400 for a malformed path or GUID."""
    parts = segments(raw)
    if parts[:2] == ("fhir", "R4"):
        return Target("", "", "/".join(parts[2:]))
    if parts[1:2] == ("sites",) and parts[3:5] == ("fhir", "R4"):
        return Target(parts[0], guid(parts[2]), "/".join(parts[5:]))
    if parts[1:2] == ("sites",) and len(parts) > 2:  # noqa: PLR2004 - surface, "sites", GUID
        guid(parts[2])
    return Target(parts[0], "", "/".join(parts))


def guid(text: str) -> str:
    """A Halo GUID in lower case. Raises Failure 400 when it is none."""
    lowered = text.lower()
    if not _GUID.fullmatch(lowered):
        raise Failure(catalog.GUID_MALFORMED)
    return lowered
