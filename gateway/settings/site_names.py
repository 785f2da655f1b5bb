"""Aliases of practices that people, the log or the metrics would take for others."""

import re
from collections.abc import Iterable, Iterator, Mapping
from unicodedata import normalize

from gateway.http.proved_callers import UNPROVED
from gateway.settings.site_ids import SiteIds


def alias_problems(aliases: Mapping[str, str], upstreams: Iterable[str]) -> Iterator[str]:
    """Yield a problem for each alias, by GUID, like that of another practice or a name of the gateway.

    `upstreams`: their names, each a name in the log, and at a second Halo Connect before those of practices.
    """
    own, ids = {_fold(name) for name in (UNPROVED, *upstreams)}, SiteIds(aliases)
    first: dict[str, tuple[str, str]] = {}
    for guid, alias in filter(lambda item: item[1], aliases.items()):
        setting, folded = f"sites.{guid}.name", _fold(alias)
        other, other_alias = first.setdefault(folded, (guid, alias))
        if other != guid:
            fault = "has this name" if alias == other_alias else "has a name that is too similar"
            yield f"{setting}: sites.{other} {fault}, choose another; {_EXAMPLE}"
        elif folded.partition("/")[0].strip() in own or (_ID.fullmatch(folded) and folded != ids(guid)):
            yield f"{setting}: the gateway gives this name to others in log and metrics; {_EXAMPLE}"


#: Form of the ids that practices without an alias have; any GUID is one if `sites.default` serves it.
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]*)?")
_EXAMPLE = 'write, for example, "bne-1"'


def _fold(alias: str) -> str:
    """Alias without what people overlook: case, spaces around, and the Unicode form of its letters."""
    return normalize("NFKC", alias).strip().casefold()
