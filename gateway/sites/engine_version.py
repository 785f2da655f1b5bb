"""Which engine each site runs, as the answers that pass by show it: nothing is asked for it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Literal, TypeVar

import msgspec

from gateway.exchange import FhirRequest, FhirResponse, Handler
from gateway.stores.base import Store
from gateway.stores.replicated import Remembered

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


#: Seconds that a version is kept without being seen, and until one replica hears of another's.
KEPT, TRUSTED = 7 * 86_400.0, 60.0
UNKNOWN = Engine()


class Engines:
    """The engines of all sites, shared by replicas. `updated` is told the GUID of a site with a new one."""

    def __init__(
        self, store: Store, clock: Callable[[], float], updated: Callable[[str], Awaitable[None]]
    ) -> None:
        self._kept = Remembered(store, Engine, "engine/", clock, lifetime=KEPT, trusted=TRUSTED)
        self._updated = updated
        self._known: dict[str, Engine] = {}

    def of(self, guid: str) -> str:
        """The version of a site's engine; empty while it was not seen."""
        return self._known.get(guid, UNKNOWN).version

    async def version(self, guid: str) -> str:
        """The same, with what other replicas have seen: a look at the store once a minute."""
        found = await self._kept.get(guid)
        if found is not None:
            self._known[guid] = found
        return self.of(guid)

    async def observe(self, request: FhirRequest, response: FhirResponse) -> None:
        """Learn from an answer of the upstream."""
        source, versions = shown(request, response)
        for guid, version in versions.items():
            await self.version(guid)
            before = self._known.get(guid, UNKNOWN)
            now = before.seen(source, version)
            if now is not before:
                await self._learned(guid, before, now)

    async def _learned(self, guid: str, before: Engine, now: Engine) -> None:
        self._known[guid] = now
        await self._kept.set(guid, now)
        if before.version not in {"", now.version}:
            await self._updated(guid)


class Recognised:
    """Stands around the upstream, where every answer passes as it came."""

    def __init__(self, inner: Handler, engines: Engines) -> None:
        self._inner = inner
        self._engines = engines

    async def __call__(self, request: FhirRequest) -> FhirResponse:
        """The inner answer, unchanged."""
        response = await self._inner(request)
        await self._engines.observe(request, response)
        return response
