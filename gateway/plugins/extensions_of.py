"""Extensions of one upstream: the repairs and error rules of plugins and packs."""

from gateway.repairs.extensions import NO_EXTENSIONS, Extensions


def extensions_of(settings: object, upstream: object) -> Extensions:
    """Return the repairs of plugins, then those of the upstream's packs."""
    del settings, upstream
    return NO_EXTENSIONS
