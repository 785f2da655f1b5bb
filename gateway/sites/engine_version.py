"""Which engine each site runs, as the answers that pass by show it: nothing is asked for it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Literal, TypeVar

import msgspec

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

VersionSource = Literal["statement", "link"]
_NUMERIC_VERSION = re.compile(r"\d{1,9}(\.\d{1,9})+", re.ASCII)
_OTHER_VERSION = re.compile(r"[\w.+\-]{1,64}", re.ASCII)
#: `YY.MMDD.Build`, which some places end with `.0`.
_VERSION_PARTS = 3


class EngineInfo(msgspec.Struct, frozen=True):
    """What was seen of a site's engine, by where it stood; empty where it was not seen."""

    statement: str = ""
    link: str = ""

    @property
    def version(self) -> str:
        """The engine's version; empty while nobody knows. The statement is the engine's own word."""
        return self.statement or self.link

    def with_version(self, source: VersionSource, version: str) -> "EngineInfo":
        """With a version seen; itself when it says so already.

        What changes in one place is a new engine, whose other place is yet to be seen: the two may be
        spelt apart.
        """
        before = getattr(self, source)
        if version == before:
            return self
        return msgspec.structs.replace(EngineInfo() if before else self, **{source: version})


class _CapabilityStatement(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    version: str = ""


class _Site(msgspec.Struct):
    id: str = ""
    haloLinkVersion: str = ""  # noqa: N815 - Halo's name


class _Sites(msgspec.Struct):
    sites: list[_Site] = []


def versions_in_response(
    request: FhirRequest, response: FhirResponse
) -> tuple[VersionSource, Mapping[str, str]]:
    """The versions that an upstream's answer shows, by Halo GUID, and where: nothing of most answers."""
    if response.status != HTTPStatus.OK:
        return "link", {}
    if request.site is not None:
        return "statement", _statement_version(request, response.body)
    match request.path.split("/"):
        case [_, "sites"]:
            return "link", _link_versions(_decode_or_default(response.body, _Sites).sites)
        case [_, "sites", _]:
            return "link", _link_versions([_decode_or_default(response.body, _Site)])
    return "link", {}


def normalise_version(text: str) -> str:
    """A version in one spelling: `26.0619.10213` and `26.619.10213.0` are `26.619.10213`; empty if none."""
    if not _NUMERIC_VERSION.fullmatch(text):
        return text if _OTHER_VERSION.fullmatch(text) else ""
    numbers = [int(each) for each in text.split(".")]
    last = numbers[_VERSION_PARTS:] == [0]
    return ".".join(map(str, numbers[:_VERSION_PARTS] if last else numbers))


def _statement_version(request: FhirRequest, body: bytes) -> Mapping[str, str]:
    if request.site is None or request.interaction.code != "capabilities":
        return {}
    statement = _decode_or_default(body, _CapabilityStatement)
    said = normalise_version(statement.version) if statement.resourceType == "CapabilityStatement" else ""
    return {request.site.guid: said} if said else {}


def _link_versions(sites: list[_Site]) -> Mapping[str, str]:
    found = {each.id.lower(): normalise_version(each.haloLinkVersion) for each in sites}
    return {guid: said for guid, said in found.items() if guid and said}


T = TypeVar("T")


def _decode_or_default(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError:
        return kind()


#: Seconds that a version is kept without being seen, and until one replica hears of another's.
VERSION_LIFETIME, MAX_LOCAL_AGE = 7 * 86_400.0, 60.0
UNKNOWN_ENGINE = EngineInfo()


class EngineVersions:
    """The engines of all sites, shared by replicas. `updated` is told the GUID of a site with a new one."""

    def __init__(
        self, store: Store, clock: Callable[[], float], on_version_change: Callable[[str], Awaitable[None]]
    ) -> None:
        self._values = ReplicatedValues(
            store, EngineInfo, "engine/", clock, lifetime=VERSION_LIFETIME, max_local_age=MAX_LOCAL_AGE
        )
        self._on_version_change = on_version_change
        self._local_engines: dict[str, EngineInfo] = {}

    def local_version(self, guid: str) -> str:
        """The version of a site's engine; empty while it was not seen."""
        return self._local_engines.get(guid, UNKNOWN_ENGINE).version

    async def shared_version(self, guid: str) -> str:
        """The same, with what other replicas have seen: a look at the store once a minute."""
        found = await self._values.get(guid)
        if found is not None:
            self._local_engines[guid] = found
        return self.local_version(guid)

    async def learn_from_response(self, request: FhirRequest, response: FhirResponse) -> None:
        """Learn from an answer of the upstream."""
        source, versions = versions_in_response(request, response)
        for guid, version in versions.items():
            await self.shared_version(guid)
            before = self._local_engines.get(guid, UNKNOWN_ENGINE)
            now = before.with_version(source, version)
            if now is not before:
                await self._set_engine(guid, before, now)

    async def _set_engine(self, guid: str, before: EngineInfo, now: EngineInfo) -> None:
        self._local_engines[guid] = now
        await self._values.set(guid, now)
        if before.version not in {"", now.version}:
            await self._on_version_change(guid)


class EngineDetector:
    """Stands around the upstream, where every answer passes as it came."""

    def __init__(self, inner: Handler, engines: EngineVersions) -> None:
        self._inner = inner
        self._engines = engines

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged."""
        response = await self._inner(request)
        await self._engines.learn_from_response(request, response)
        return response
