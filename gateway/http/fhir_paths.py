"""Which paths below a FHIR base are those of FHIR; all others are files and the like."""

import re
from urllib.parse import unquote

from gateway.fhir.interaction import allowed_methods
from gateway.fhir.resource_types import RESOURCE_TYPES_BY_VERSION, FhirVersion

#: Address of most resources; its type needs a look-up.
_RESOURCE = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-]{1,64}", re.ASCII)
_ASYNC_STATUS = re.compile(r"RequestResult/[A-Za-z0-9\-_][A-Za-z0-9\-._]*", re.ASCII)
_PARAMETERS = re.compile(r"[;|].*", re.DOTALL)
#: How often a path is decoded: an upstream and its own proxies may each do it.
_MAX_DECODINGS = 4


def is_async_status(path: str) -> bool:
    """Whether a path below some base is that of an asynchronous job."""
    return _ASYNC_STATUS.fullmatch(path) is not None


def is_fhir_path(path: str, version: FhirVersion) -> bool:
    """Whether some server may read a path below the base as one of FHIR, or of an asynchronous job.

    Such a server may decode it, drop empty segments, and drop what follows a `;`. In a search, a URL ends at
    a `|`.
    """
    types = RESOURCE_TYPES_BY_VERSION[version]
    match = _RESOURCE.fullmatch(path.removeprefix("/"))
    if match and match[1] in types:
        return True
    plain = _lenient_path(path)
    return bool(allowed_methods(plain, types)) or is_async_status(plain)


def _lenient_path(path: str) -> str:
    for _ in range(_MAX_DECODINGS):
        path = unquote(path) if "%" in path else path
    segments = (_PARAMETERS.sub("", segment).strip() for segment in path.replace("\\", "/").split("/"))
    return "/".join(filter(None, segments))
