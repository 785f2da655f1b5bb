"""Extensions of an upstream."""

from gateway.plugins.extensions_of import extensions_of
from gateway.repairs.extensions import NO_EXTENSIONS
from gateway.settings import Settings


def test_upstream_without_plugins_and_packs_has_no_extensions() -> None:
    settings = Settings()
    assert extensions_of(settings, settings.upstream) == NO_EXTENSIONS
