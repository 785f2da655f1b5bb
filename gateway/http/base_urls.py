"""URLs of a mounted FHIR server, mapped to the mount and back by base URL (RFC 3986).

    {base}/rest           <->  {mount}/rest       FHIR
    {origin of base}/rest <->  {mount}/~/rest     downloads, also below the base, jobs, the token endpoint

What follows a base begins with `/`, `?` or `#`, or is empty. Dot segments are removed first, so that no
result leaves the mount or the upstream's origin.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

#: First segment below a mount for paths on the upstream's origin, outside its FHIR base.
ORIGIN_SEGMENT = "~"

#: Maximum characters of a URL that is mapped; it is longer than a path and query that the gateway accepts.
MAX_URL_LENGTH = 16_384
#: Also as browsers read it (URL Standard, section 4.4): any number of slashes or backslashes before the host.
_ABSOLUTE = re.compile(
    r"(?:(?P<scheme>https?):[/\\]*+|[/\\]{2,}+)(?P<host>[^/?#\\]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"(?P<name>\[[^\[\]@]*\]|[^:\[\]@]+)(?::(?P<port>\d{0,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SUFFIX = re.compile(r"[?#].*", re.DOTALL)
#: Characters that browsers remove around a URL, and inside it (URL Standard, section 4.4).
_AROUND, _INSIDE = "".join(map(chr, range(33))), dict.fromkeys(map(ord, "\t\r\n"))
_SLASHES = frozenset("/\\")
_DOTS = {".": ".", "%2e": ".", "..": "..", ".%2e": "..", "%2e.": "..", "%2e%2e": ".."}
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?=/|\Z)", re.IGNORECASE)


class Base(NamedTuple):
    """A base URL: its origin as written, its host and port to compare, and its path without a last slash."""

    origin: str
    host: tuple[str, str]
    path: str

    @property
    def url(self) -> str:
        """The URL, without a last slash."""
        return self.origin + self.path


@lru_cache(maxsize=256)
def parse_base(url: str) -> Base:
    """Return the parts of an absolute base URL. Raises ValueError."""
    match = _ABSOLUTE.fullmatch(url)
    host = match and _host_of(match["host"], (match["scheme"] or "").lower())
    if match is None or not host:
        raise ValueError("not an absolute URL")
    return Base(url.removesuffix(match["rest"]), host, match["rest"].rstrip("/"))


def map_to_mount(base: Base, mount: Base, url: str, is_fhir: Callable[[str], bool] = lambda _: True) -> str:
    """Map a URL on the upstream's origin to the mount; URLs of the mount and of other servers unchanged.

    `is_fhir`: whether a path below the base, which begins with a slash, is one of FHIR. A URL without a host
    is the upstream's.
    """
    local = _local_path(base, url)
    if local is None or (base.host == mount.host and _is_absolute_below(mount, url)):
        return url
    path, suffix = local
    below = _path_below(base.path, path)
    is_local = below is not None and _origin_path(below) is None and (below == "" or is_fhir(below))
    public = below if is_local else f"/{ORIGIN_SEGMENT}{path}"
    return f"{mount.url}{public}" + _map_fragment(
        suffix, lambda part: map_to_mount(base, mount, part, is_fhir)
    )


def map_from_mount(base: Base, mount: Base, url: str) -> str:
    """Map a URL below the mount to the upstream's; others unchanged."""
    local = _local_path_below(mount, url)
    if local is None:
        return url
    below, suffix = local
    beside = _origin_path(below)
    upstream = base.url + below if beside is None else base.origin + beside
    return upstream + _map_fragment(suffix, lambda part: map_from_mount(base, mount, part))


def _map_fragment(suffix: str, change: Callable[[str], str]) -> str:
    """Return a query and a fragment with the fragment's absolute URLs changed; `#` ends each of them."""
    if "#" not in suffix:
        return suffix
    query, *parts = suffix.split("#")
    return "#".join((query, *(change(part) if _ABSOLUTE.match(part) else part for part in parts)))


def is_origin_url(mount: Base, url: str) -> bool:
    """Whether a URL below the mount is one of the upstream's origin, outside its base."""
    local = _local_path_below(mount, url)
    return local is not None and _origin_path(local[0]) is not None


def relative_to(mount: Base, url: str) -> str:
    """Return a URL below the mount, except one of the upstream's origin, relative to it; else unchanged."""
    local = _local_path_below(mount, url)
    if local is None or not local[0] or _origin_path(local[0]) is not None:
        return url
    return local[0][1:] + local[1]


def _is_absolute_below(mount: Base, url: str) -> bool:
    return not _is_rooted(_plain(url)) and _local_path_below(mount, url) is not None


def _local_path_below(mount: Base, url: str) -> tuple[str, str] | None:
    local = _local_path(mount, url)
    below = _path_below(mount.path, local[0]) if local else None
    return (below, local[1]) if local and below is not None else None


def _path_below(base_path: str, path: str) -> str | None:
    """Rest of a path behind that of a base; None if the path is not below it."""
    rest = path[len(base_path) :]
    return rest if path.startswith(base_path) and (not rest or rest.startswith("/")) else None


def _origin_path(below: str) -> str | None:
    """Path behind the segment `~`, also an encoded one; None for another path below a mount."""
    first, slash, rest = below.removeprefix("/").partition("/")
    return slash + rest if first.lower() in {ORIGIN_SEGMENT, "%7e"} else None


def _local_path(base: Base, url: str) -> tuple[str, str] | None:
    """Return path, without dot segments, and query with fragment of a URL on a base's origin; else None.

    The scheme is not compared: a proxy in front of the upstream may end its TLS.
    """
    if len(url) > MAX_URL_LENGTH:
        return None
    text = _plain(url)
    if _is_rooted(text):
        rest = text
    else:
        match = _ABSOLUTE.fullmatch(text)
        if match is None or _host_of(match["host"], (match["scheme"] or "").lower()) != base.host:
            return None
        rest = match["rest"]
    suffix = _SUFFIX.search(rest)
    path = rest[: suffix.start()] if suffix else rest
    return _without_dot_segments(path.replace("\\", "/")), suffix[0] if suffix else ""


def _plain(url: str) -> str:
    return url.strip(_AROUND).translate(_INSIDE)


def _is_rooted(text: str) -> bool:
    """Whether a URL begins with its path: with one slash or, as browsers read it, one backslash."""
    return text[:1] in _SLASHES and text[1:2] not in _SLASHES


def _host_of(text: str, scheme: str) -> tuple[str, str] | None:
    """Name and port of a URL's host, the port empty if it is the scheme's own; None with a user name."""
    match = _HOST.fullmatch(text)
    if match is None:
        return None
    port = (match["port"] or "").lstrip("0")
    name = match["name"].lower()
    return name.removesuffix(".") or name, "" if port == _DEFAULT_PORTS.get(scheme) else port


def _without_dot_segments(path: str) -> str:
    """Return the path without `.` and `..`, also encoded ones (RFC 3986 section 5.2.4)."""
    if not _DOT_SEGMENT.search(path):
        return path
    segments = list[str]()
    for segment in path.split("/")[1:]:
        dots = _DOTS.get(segment.lower())
        if dots is None:
            segments.append(segment)
        elif dots == "..":
            del segments[-1:]
    is_folder = _DOT_SEGMENT.search(path, max(0, path.rfind("/"))) is not None
    return "".join(f"/{segment}" for segment in (*segments, *([""] if is_folder else [])))
