"""Setting `plugins`: its value carries what the named plugins bring, so that they are loaded once."""

from typing import Annotated, Any

from pydantic import AfterValidator

from gateway.plugins.load import Plugins, load_plugins


class LoadedNames(tuple[str, ...]):  # noqa: SLOT001 - it has an attribute
    """Names of plugins, with what they bring."""

    plugins: Plugins


def _load(names: tuple[str, ...]) -> LoadedNames:
    loaded = LoadedNames(names)
    loaded.plugins = load_plugins(names)
    return loaded


PluginNames = Annotated[tuple[str, ...], AfterValidator(_load)]


def plugins_of(names: tuple[str, ...]) -> Plugins:
    """Return what the named plugins bring. Raises PluginError."""
    return names.plugins if isinstance(names, LoadedNames) else load_plugins(names)


def with_dialects(upstreams: Any, plugins: Plugins) -> Any:
    """Return raw settings of upstreams with a plugin's dialect instead of its name."""
    return (
        dict(_with_dialect(plugins, *item) for item in upstreams.items())
        if isinstance(upstreams, dict)
        else upstreams
    )


def _with_dialect(plugins: Plugins, name: Any, upstream: Any) -> tuple[Any, Any]:
    written = upstream.get("dialect") if isinstance(upstream, dict) else None
    dialect = plugins.dialect(written) if isinstance(written, str) else None
    return name, {**upstream, "dialect": dialect} if dialect else upstream
