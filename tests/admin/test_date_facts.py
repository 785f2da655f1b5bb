"""What operators see of a site's dates."""

from datetime import UTC

from support.requests import SITE

from gateway.admin.date_facts import date_facts_json, proof_text
from gateway.dates.support import DateSearchSupport
from gateway.exchange import Site


def test_facts_are_those_of_the_configuration() -> None:
    support = DateSearchSupport(
        column_time_zones={("*", "*"): "site", ("Slot", "start"): UTC},
        date_precision={("*", "onset-date"): "mixed-year"},
        period_semantics="r4",
    )
    site = Site(
        SITE.guid,
        SITE.zone,
        date_support=support,
        last_updated_input={"*": "ok"},
        verified_by="probe 2026-11-28, engine 3.1",
    )
    assert date_facts_json(site) == {
        "timeZone": str(SITE.zone),
        "verifiedBy": "probe 2026-11-28, engine 3.1",
        "clocks": {"*.*": "site", "Slot.start": "UTC"},
        "precision": {"*.onset-date": "mixed-year"},
        "labels": {"*": "ok"},
        "periods": "r4",
    }
    assert proof_text(date_facts_json(site)) == "probe 2026-11-28, engine 3.1"


def test_site_without_proof_was_never_probed() -> None:
    assert proof_text(date_facts_json(Site(SITE.guid, SITE.zone))) == "never probed"
    assert proof_text(date_facts_json(None)) == "no time zone"
