"""Command `check`: loads plugins, and replays the examples of quirk packs, without a network."""

import asyncio
from collections.abc import Iterable, Iterator

from gateway.packs.examples import replay_pack
from gateway.packs.load import shipped_packs
from gateway.packs.problems import PackError
from gateway.plugins.api import API_VERSION, PluginError
from gateway.plugins.load import Plugins, load_plugins
from gateway.settings import Settings


def packs_to_check(settings: Settings, named: Iterable[str]) -> tuple[str, ...]:
    """Return the packs that are named and those of the settings; without any, the gateway's own."""
    upstreams = (settings.upstream, *settings.upstreams.values())
    configured = (pack for upstream in upstreams for pack in upstream.packs)
    return tuple(dict.fromkeys((*named, *configured))) or shipped_packs()


def plugin_lines(settings: Settings, named: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield a line per plugin of the settings and of the command, or problem, and whether it is a problem."""
    for name in dict.fromkeys((*named, *settings.plugins)):
        try:
            ids = ", ".join(_ids(load_plugins((name,))))
        except PluginError as error:
            yield from ((f"plugin {problem}", True) for problem in str(error).split("; "))
            continue
        yield f"plugin {name}: plugin API {API_VERSION}: {ids}: ok", False


def _ids(plugins: Plugins) -> Iterator[str]:
    yield from (f"repair {repair.issue.id}" for repair in plugins.repairs)
    yield from (f"dialect {dialect.name}" for dialect in plugins.dialects)


def check_lines(packs: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield a line per example or problem, and whether it is a problem."""
    for pack in packs:
        try:
            results = asyncio.run(replay_pack(pack))
        except PackError as error:
            yield from ((line, True) for line in str(error).splitlines())
            continue
        yield from ((line, bool(result.problems)) for result in results for line in result.lines)
