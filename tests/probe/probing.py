"""Probing the emulator, and knowledge made by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from conftest import KEY, settings_for

from gateway.dates.timezones import load_zone
from gateway.emulator.serve import RunningEmulator
from gateway.emulator.sites import SYDNEY
from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse, Verdict
from gateway.probe.inference import infer_findings
from gateway.probe.run import ProbeReport, run_probe

NOW = datetime(2026, 7, 1, tzinfo=UTC)
ENOUGH = 60


def probed(emulator: RunningEmulator, guid: str = SYDNEY, budget: int = ENOUGH, **more: Any) -> ProbeReport:
    """What a probe of the emulator learns."""
    return run_probe(settings_for(emulator.url), guid, KEY, budget=budget, **more)


def set_to(emulator: RunningEmulator, variants: Mapping[str, Any]) -> None:
    """Sets the emulator to these variants and no others."""
    emulator.control("PATCH", "settings", {"variants": None})
    emulator.control("PATCH", "settings", {"variants": variants})


def found(known: Evidence) -> dict[str, Any]:
    """The settings that follow, by `section.key`; None where nothing can be told."""
    return {f"{each.section}.{each.key}": each.value for each in infer_findings(known)}


def known(answers: Mapping[str, Verdict] | None = None, **samples: list[dict[str, Any]]) -> Evidence:
    """Knowledge of a site in Sydney: these verdicts on questions, and these records per type."""
    pages = {name: page(verdict) for name, verdict in (answers or {}).items()}
    pages |= {
        f"{kind}.sample": ProbeResponse(ProbeRequest(kind), tuple(rows)) for kind, rows in samples.items()
    }
    return Evidence(load_zone("Australia/Sydney"), NOW, pages)


def page(verdict: Verdict) -> ProbeResponse:
    """An answer with this verdict about record 1."""
    ids = {"yes": ["1"], "unclear": ["1", "2"]}.get(verdict, [])
    resources = tuple({"id": identity} for identity in ids)
    return ProbeResponse(ProbeRequest("Observation", (), "1"), resources, is_refused=verdict == "refused")


def observation(effective: str, stamp: str = "2026-06-01T10:00:00Z", identity: str = "1") -> dict[str, Any]:
    """An Observation with this time."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "meta": {"lastUpdated": stamp},
        "effectiveDateTime": effective,
    }


def stamped(*stamps: str) -> list[dict[str, Any]]:
    """Patients with these `meta.lastUpdated`."""
    return [
        {"resourceType": "Patient", "id": str(number), "meta": {"lastUpdated": stamp}}
        for number, stamp in enumerate(stamps, 1)
    ]
