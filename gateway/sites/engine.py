"""Which engine answers at a site, where an upstream's answer says so.

Halo's FHIR engine ships inside Halo Link, so that practices run different versions of it at the same time
(Halo Connect, FHIR capabilities). `CapabilityStatement.version` and a site's `haloLinkVersion` tell.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal, TypeVar

import msgspec

from gateway.exchange import FhirRequest, FhirResponse

Source = Literal["statement", "link"]

_NUMBERS = re.compile(r"\d{1,9}(\.\d{1,9})+", re.ASCII)
_ANY = re.compile(r"[\w.+\-]{1,64}", re.ASCII)
#: `YY.MMDD.Build`, which some places end with `.0`.
_PARTS = 3


class Engine(msgspec.Struct, frozen=True):
    """What was seen of a site's engine, by where it stood; empty where it was not seen."""

    statement: str = ""
    link: str = ""

    @property
    def version(self) -> str:
        """The engine's version; empty while nobody knows. The statement is the engine's own word."""
        return self.statement or self.link

    def seen(self, source: Source, version: str) -> "Engine":
        """With a version seen; itself when it says so already.

        What changes in one place is a new engine, whose other place is yet to be seen: the two may be
        spelt apart.
        """
        before = getattr(self, source)
        if version == before:
            return self
        return msgspec.structs.replace(Engine() if before else self, **{source: version})


class _Statement(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    version: str = ""


class _Site(msgspec.Struct):
    id: str = ""
    haloLinkVersion: str = ""  # noqa: N815 - Halo's name


class _Sites(msgspec.Struct):
    sites: list[_Site] = []


def shown(request: FhirRequest, response: FhirResponse) -> tuple[Source, Mapping[str, str]]:
    """The versions that an upstream's answer shows, by Halo GUID, and where: nothing of most answers."""
    if response.status != HTTPStatus.OK:
        return "link", {}
    if request.site is not None:
        return "statement", _stated(request, response.body)
    match request.path.split("/"):
        case [_, "sites"]:
            return "link", _linked(_read(response.body, _Sites).sites)
        case [_, "sites", _]:
            return "link", _linked([_read(response.body, _Site)])
    return "link", {}


def version(text: str) -> str:
    """A version in one spelling: `26.0619.10213` and `26.619.10213.0` are `26.619.10213`; empty if none."""
    if not _NUMBERS.fullmatch(text):
        return text if _ANY.fullmatch(text) else ""
    numbers = [int(each) for each in text.split(".")]
    last = numbers[_PARTS:] == [0]
    return ".".join(map(str, numbers[:_PARTS] if last else numbers))


def _stated(request: FhirRequest, body: bytes) -> Mapping[str, str]:
    if request.site is None or request.interaction.code != "capabilities":
        return {}
    statement = _read(body, _Statement)
    said = version(statement.version) if statement.resourceType == "CapabilityStatement" else ""
    return {request.site.guid: said} if said else {}


def _linked(sites: list[_Site]) -> Mapping[str, str]:
    found = {each.id.lower(): version(each.haloLinkVersion) for each in sites}
    return {guid: said for guid, said in found.items() if guid and said}


T = TypeVar("T")


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        return kind()
