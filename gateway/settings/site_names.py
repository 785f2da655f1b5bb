"""Aliases of practices that the log and the metrics would take for others."""

import re
from collections.abc import Iterable, Iterator, Mapping
from unicodedata import normalize

from gateway.http.proved_callers import UNPROVED
from gateway.settings.site_ids import SiteIds


def alias_problems(aliases: Mapping[str, str], upstreams: Iterable[str]) -> Iterator[str]:
    """Yield a problem for each alias, by GUID, that two practices have or that the gateway makes itself.

    `upstreams`: their names, each a name in the log, and at a second Halo Connect before those of practices.
    """
    own, ids = {UNPROVED, *upstreams}, SiteIds(aliases)
    first: dict[str, str] = {}
    for guid, alias in aliases.items():
        if not alias:
            continue
        setting = f"sites.{guid}.name"
        if first.setdefault(alias, guid) != guid:
            yield f"{setting}: sites.{first[alias]} has this name, choose another; {_EXAMPLE}"
        elif alias.partition("/")[0] in own or (_ID.fullmatch(alias) and alias != ids(guid)):
            yield f"{setting}: the gateway gives this name to others in log and metrics; {_EXAMPLE}"


#: Form of the ids that practices without an alias have; any GUID is one if `sites.default` serves it.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]*)?")
_EXAMPLE = 'write, for example, "bne-1"'


def similar_alias_problems(aliases: Mapping[str, str]) -> Iterator[str]:
    """Yield a problem for each alias, by GUID, that people cannot tell from that of another practice."""
    first: dict[str, tuple[str, str]] = {}
    for guid, alias in filter(lambda item: item[1], aliases.items()):
        other, other_alias = first.setdefault(_fold(alias), (guid, alias))
        if alias != other_alias:
            yield f"sites.{guid}.name: too similar to that of sites.{other}, choose another; {_EXAMPLE}"


def _fold(alias: str) -> str:
    """Alias without what people overlook: case, spaces around, and the Unicode form of its letters."""
    return normalize("NFKC", alias).strip().casefold()
