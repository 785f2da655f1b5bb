"""One practice in the brief JSON of `/admin/sites`."""

from typing import Any

GUID = "0a1b2c3d-0000-4000-8000-00000000000b"
SINCE = "2026-07-01T11:00:00+00:00"
#: Facts about the dates, which only the full JSON has.
DATES = {
    "timeZone": "Australia/Sydney",
    "verifiedBy": "probe 2026-07-01",
    "clocks": {"Patient._lastUpdated": "utc", "Slot.start": "site", "Slot.end": "site"},
    "precision": {},
    "labels": {},
    "periods": "overlap",
}
PAUSE = {
    "pause": "site:quota",
    "rule": "quota",
    "scope": "site",
    "reason": "upstream-quota",
    "site": GUID,
    "siteName": "harbour",
    "upstream": None,
    "caller": None,
    "since": SINCE,
    "until": SINCE,
}


def site_json(name: str = "harbour", **members: Any) -> dict[str, Any]:
    """A practice that serves, with other members where they are given."""
    return {
        "site": GUID,
        "name": name,
        "id": GUID[:8],
        "configured": True,
        "state": "closed",
        "lastFailureAt": None,
        "until": None,
        "secondsLeft": 0,
        "reason": None,
        "failures": 0,
        "timesOpened": 0,
        "pauses": [],
        "running": 0,
        "waiting": 0,
        "datesVerifiedBy": "probe",
        "engine": "26.619",
        "brokenIssues": 2,
    } | members
