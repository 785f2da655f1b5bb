"""Probes of the emulator, and evidence built by hand."""

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
#: Enough for all questions.
ENOUGH = 60


def probe_emulator(
    emulator: RunningEmulator, guid: str = SYDNEY, budget: int = ENOUGH, **more: Any
) -> ProbeReport:
    """Report of a probe of the emulator."""
    return run_probe(settings_for(emulator.url), guid, KEY, budget=budget, **more)


def set_variants(emulator: RunningEmulator, variants: Mapping[str, Any]) -> None:
    """Set the emulator to these variants, and to the defaults otherwise."""
    emulator.control("PATCH", "settings", {"variants": None})
    emulator.control("PATCH", "settings", {"variants": variants})


def setting_values(evidence: Evidence) -> dict[str, Any]:
    """Values of the settings that follow, by `section.key`; None if unknown."""
    return {f"{finding.section}.{finding.key}": finding.value for finding in infer_findings(evidence)}


def evidence_with(verdicts: Mapping[str, Verdict] | None = None, **samples: list[dict[str, Any]]) -> Evidence:
    """Evidence of a site in Sydney: verdicts by question, and records by type."""
    responses = {name: response_with_verdict(verdict) for name, verdict in (verdicts or {}).items()}
    responses |= {
        f"{resource_type}.sample": ProbeResponse(ProbeRequest(resource_type), tuple(records))
        for resource_type, records in samples.items()
    }
    return Evidence(load_zone("Australia/Sydney"), NOW, responses)


def response_with_verdict(verdict: Verdict) -> ProbeResponse:
    """A response with this verdict about record 1."""
    ids = {"yes": ["1"], "unclear": ["1", "2"]}.get(verdict, [])
    resources = tuple({"id": record_id} for record_id in ids)
    return ProbeResponse(ProbeRequest("Observation", (), "1"), resources, is_refused=verdict == "refused")


def observation(
    effective: str, last_updated: str = "2026-06-01T10:00:00Z", record_id: str = "1"
) -> dict[str, Any]:
    """An Observation with this time."""
    return {
        "resourceType": "Observation",
        "id": record_id,
        "meta": {"lastUpdated": last_updated},
        "effectiveDateTime": effective,
    }


def patients_updated_at(*instants: str) -> list[dict[str, Any]]:
    """Patients with these `meta.lastUpdated`."""
    return [
        {"resourceType": "Patient", "id": str(number), "meta": {"lastUpdated": instant}}
        for number, instant in enumerate(instants, 1)
    ]
