from gateway.emulator.sites import BRISBANE, PERTH, SITES, SYDNEY, site_status


def test_sites_have_three_time_zones() -> None:
    assert [SITES[guid].zone.key for guid in (BRISBANE, SYDNEY, PERTH)] == [
        "Australia/Brisbane",
        "Australia/Sydney",
        "Australia/Perth",
    ]


def test_only_perth_has_old_engine_and_small_limit() -> None:
    assert {guid: site.old_engine for guid, site in SITES.items()} == {
        BRISBANE: False,
        SYDNEY: False,
        PERTH: True,
    }
    assert {guid: site.size_limit for guid, site in SITES.items()} == {
        BRISBANE: 8 * 2**20,
        SYDNEY: 8 * 2**20,
        PERTH: 2**20,
    }


def test_site_status_has_all_openapi_fields() -> None:
    assert set(site_status(SITES[PERTH], "online", "2026-01-01T00:00:00Z")) == {
        "id", "pmsType", "availability", "status", "haloLinkVersion", "enrichedAt", "catalogue",
        "practiceMetadata", "name", "practiceManagementSiteId", "practiceManagementName",
        "practiceManagementVersion", "createdAt", "authoritative", "clientTimestampUTC",
        "heartbeatTimestampUTC",
    }  # fmt: skip
