"""Engine version of each site, read from passing responses without requests of its own."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

import msgspec
from cachetools import LRUCache

from gateway.exchange import FhirRequest, FhirResponse, Handler, Site
from gateway.sites.directory import DirectoryPage, DirectorySite, decode_or_none
from gateway.stores.base import Store
from gateway.stores.replicated import ReplicatedValues

VersionSource = Literal["statement", "link"]
_NUMERIC_VERSION = re.compile(r"\d{1,9}(\.\d{1,9})+", re.ASCII)
_OTHER_VERSION = re.compile(r"[\w.+\-]{1,64}", re.ASCII)
#: Parts of `YY.MMDD.Build`, which some sources extend with `.0`.
_VERSION_PARTS = 3


class EngineInfo(msgspec.Struct, frozen=True):
    """A site's engine version by source: CapabilityStatement and Halo Link; empty if not seen."""

    statement: str = ""
    link: str = ""

    @property
    def version(self) -> str:
        """The engine's version; empty if unknown. The statement comes first: the engine writes it."""
        return self.statement or self.link

    def with_version(self, source: VersionSource, version: str) -> "EngineInfo":
        """Return the info with the version of a source; itself if unchanged.

        Another version of one source is a new engine: it clears the other source, which may spell the
        version differently.
        """
        old_version = getattr(self, source)
        if version == old_version:
            return self
        return msgspec.structs.replace(EngineInfo() if old_version else self, **{source: version})


class _CapabilityStatement(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    version: str = ""


class _Software(msgspec.Struct, frozen=True):
    version: str = ""


class _MountStatement(msgspec.Struct):
    resourceType: str = ""  # noqa: N815 - FHIR's name
    software: _Software = _Software()

    @property
    def version(self) -> str:
        """The version of the software; `version` of the statement is Halo's own use of that element."""
        return self.software.version


def versions_in_response(
    request: FhirRequest, response: FhirResponse
) -> tuple[VersionSource, Mapping[str, str]]:
    """Return the source and the versions by Halo GUID in an upstream response; mostly none."""
    if response.status != HTTPStatus.OK:
        return "link", {}
    if request.site is not None:
        return "statement", _statement_version(request, response.body)
    match request.path.split("/"):
        case [_, "sites"]:
            page = decode_or_none(response.body, DirectoryPage)
            return "link", _link_versions(page.sites if page else [])
        case [_, "sites", _]:
            site = decode_or_none(response.body, DirectorySite)
            return "link", _link_versions([site] if site else [])
    return "link", {}


def normalise_version(text: str) -> str:
    """Normalise a version: `26.0619.10213` and `26.619.10213.0` give `26.619.10213`; empty if none."""
    if not _NUMERIC_VERSION.fullmatch(text):
        return text if _OTHER_VERSION.fullmatch(text) else ""
    numbers = [int(part) for part in text.split(".")]
    ends_with_zero = numbers[_VERSION_PARTS:] == [0]
    return ".".join(map(str, numbers[:_VERSION_PARTS] if ends_with_zero else numbers))


def _statement_version(request: FhirRequest, body: bytes) -> Mapping[str, str]:
    if request.site is None or request.interaction.code != "capabilities":
        return {}
    statement = _decode_statement(body, is_mount=request.site.is_mount)
    if statement is None or statement.resourceType != "CapabilityStatement":
        return {}
    version = normalise_version(statement.version)
    return {request.site.guid: version} if version else {}


def _decode_statement(body: bytes, *, is_mount: bool) -> _CapabilityStatement | _MountStatement | None:
    return decode_or_none(body, _MountStatement) if is_mount else decode_or_none(body, _CapabilityStatement)


def _link_versions(sites: list[DirectorySite]) -> Mapping[str, str]:
    versions = {site.id.lower(): normalise_version(site.haloLinkVersion) for site in sites}
    return {guid: version for guid, version in versions.items() if guid and version}


#: Seconds until an unseen version is deleted, and until a replica reads the version of another replica.
VERSION_LIFETIME, MAX_LOCAL_AGE = 7 * 86_400.0, 60.0
#: Maximum number of sites in this process; the least recently used is dropped first, and read again.
_MAX_LOCAL_ENGINES = 5_000
#: Maximum number of sites with their versions.
_MAX_LOCAL_SITES = 1_024
UNKNOWN_ENGINE = EngineInfo()


class EngineVersions:
    """Engines of one upstream's sites, shared by replicas. Calls `on_version_change` with a site's GUID."""

    def __init__(
        self, store: Store, clock: Callable[[], float], on_version_change: Callable[[str], Awaitable[None]]
    ) -> None:
        self._values = ReplicatedValues(
            store, EngineInfo, "engine/", clock, lifetime=VERSION_LIFETIME, max_local_age=MAX_LOCAL_AGE
        )
        self._on_version_change = on_version_change
        self._local_engines: LRUCache[str, EngineInfo] = LRUCache(_MAX_LOCAL_ENGINES)

    def local_version(self, guid: str) -> str:
        """Return the version in this process; empty if not seen."""
        return self._local_engines.get(guid, UNKNOWN_ENGINE).version

    async def shared_version(self, guid: str) -> str:
        """Return the version of this or another replica; reads the store at most once a minute."""
        engine = await self._values.get(guid)
        if engine is not None:
            self._local_engines[guid] = engine
        return self.local_version(guid)

    async def learn_from_response(self, request: FhirRequest, response: FhirResponse) -> None:
        """Store the versions of an upstream response."""
        source, versions = versions_in_response(request, response)
        for guid, version in versions.items():
            await self.shared_version(guid)
            old = self._local_engines.get(guid, UNKNOWN_ENGINE)
            new = old.with_version(source, version)
            if new is not old:
                await self._set_engine(guid, old, new)

    async def _set_engine(self, guid: str, old: EngineInfo, new: EngineInfo) -> None:
        self._local_engines[guid] = new
        await self._values.set(guid, new)
        if old.version not in {"", new.version}:
            await self._on_version_change(guid)


def with_engine_versions(
    find_site: Callable[[str], Site | None], version_of: Callable[[str], str]
) -> Callable[[str], Site | None]:
    """Return a function that finds the same sites, each with the version that `version_of` knows of it."""

    @lru_cache(maxsize=_MAX_LOCAL_SITES)
    def site_with(guid: str, version: str) -> Site | None:
        site = find_site(guid)
        return site and replace(site, engine_version=version)

    return lambda guid: site_with(guid, version_of(guid))


class EngineDetector:
    """Reads engine versions from unchanged upstream responses."""

    def __init__(self, inner: Handler, engines: EngineVersions) -> None:
        self._inner = inner
        self._engines = engines

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """Return the inner response, unchanged."""
        response = await self._inner(request)
        await self._engines.learn_from_response(request, response)
        return response
