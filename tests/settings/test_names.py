"""Names of settings."""

import pytest

from gateway.cli.documentation import configuration_page
from gateway.settings import Settings
from gateway.settings.names import all_names, item_section, longest_known_prefix, setting_exists, type_of

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def test_every_setting_in_the_documentation_exists() -> None:
    names = {".".join(name) for name in all_names(Settings)}
    rows = [line.split("`")[1] for line in configuration_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    assert [row for row in rows if row not in names] == []


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("upstream.timeouts.read", 3),
        ("upstream.timeout.read", 1),
        ("sever", 0),
        ("sites.default.time_zone", 3),
        (f"sites.{GUID}.search.period_semantics", 4),
        (f"sites.{GUID}.repairs.link-base-url", 4),
        (f"sites.{GUID}.last_updated_input.Patient", 4),
        (f"sites.{GUID}.last_updated_input.patient", 3),
        ("sites.harbour.time_zone", 1),
        ("upstreams.hg.proxy", 3),
        ("upstreams.HG.proxy", 1),
        ("pauses.rules.0.message_pattern", 4),
        ("pauses.rules.first", 2),
        ("log.level.x", 2),
        ("server.trusted_proxies.0", 2),
        ("", 0),
    ],
)
def test_longest_prefix_that_exists_is_found(name: str, length: int) -> None:
    segments = tuple(name.split("."))
    assert longest_known_prefix(Settings, segments) == segments[:length]
    assert setting_exists(Settings, segments) == (length == len(segments))


def test_section_in_a_table_or_list_is_found() -> None:
    for name in (("sites",), ("upstreams",), ("ledger", "callers"), ("pauses", "rules")):
        assert item_section(type_of(Settings, name)) is not None
    for name in (("repairs",), ("paging", "keys"), ("server",), ("server", "default_site")):
        assert item_section(type_of(Settings, name)) is None
