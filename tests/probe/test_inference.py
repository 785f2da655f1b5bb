"""Settings that follow from the evidence."""

from typing import Any

import pytest
from probe.probing import evidence_with, setting_values

from gateway.probe.evidence import Evidence, ProbeRequest, ProbeResponse, Verdict
from gateway.probe.inference import engine_version, infer_findings

INSIDE: dict[str, Verdict] = {"period.inside": "yes", "period.eq": "no"}


@pytest.mark.parametrize(
    ("verdicts", "key", "value"),
    [
        ({"repeats": "no"}, "supports_repeated_parameter", True),
        ({"repeats": "yes", "before": "no"}, "supports_repeated_parameter", False),
        ({"repeats": "yes"}, "supports_repeated_parameter", None),
        ({"repeats": "refused"}, "supports_repeated_parameter", False),
        ({"repeats": "unclear"}, "supports_repeated_parameter", None),
        ({"comma": "yes"}, "supports_comma_or", True),
        ({"comma": "no"}, "supports_comma_or", False),
        ({"comma": "refused"}, "supports_comma_or", False),
        ({}, "supports_comma_or", None),
        ({**INSIDE, "period.outside": "no"}, "supports_sa_eb", True),
        ({**INSIDE, "period.outside": "no"}, "period_semantics", "r4"),
        ({**INSIDE, "period.outside": "yes", "period.gt": "yes"}, "period_semantics", None),
        ({**INSIDE, "period.sa": "yes", "period.eb": "no"}, "supports_sa_eb", None),
        ({**INSIDE, "period.gt": "no"}, "period_semantics", "r4"),
        ({"period.ge": "yes", "period.eq": "no", "period.gt": "no"}, "period_semantics", None),
        ({"period.inside": "yes", "period.eq": "yes"}, "period_semantics", "overlap"),
        ({"period.inside": "no", "period.ge": "no"}, "period_semantics", "start-only"),
        ({"period.ge": "unclear"}, "period_semantics", None),
        ({"period.eb": "refused"}, "supports_sa_eb", False),
        ({"before": "yes", "after": "yes", "comma": "yes"}, "supports_comma_or", None),
    ],
)
def test_setting_follows_from_its_verdicts(verdicts: dict[str, Verdict], key: str, value: Any) -> None:
    assert setting_values(evidence_with(verdicts))[f"search.{key}"] == value


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ({}, "no suitable record"),
        ({"repeats": "refused"}, "two conditions on one parameter"),
        ({"period.eq": "unclear"}, "no known behaviour"),
    ],
)
def test_unknown_setting_has_a_reason(verdicts: dict[str, Verdict], text: str) -> None:
    findings = {finding.key: finding for finding in infer_findings(evidence_with(verdicts))}
    assert findings["period_semantics"].value is None
    assert text in findings["period_semantics"].reason


def _evidence_with_statement(**fields: Any) -> Evidence:
    return evidence_with().with_response(
        "metadata",
        ProbeResponse(ProbeRequest("metadata"), ({"resourceType": "CapabilityStatement", **fields},)),
    )


def test_extra_date_parameters_come_from_the_capability_statement() -> None:
    names = [
        *(
            {"name": name, "type": "date"}
            for name in ("birthdate", "x-seen", "_lastUpdated", "bad name", "9x")
        ),
        {"name": "x-token", "type": "token"},
    ]
    rest = [
        {"resource": [{"type": "Patient", "searchParam": names}, {"type": "Nonsense", "searchParam": names}]}
    ]
    assert setting_values(_evidence_with_statement(rest=rest))["search.extra_date_parameters"] == (
        "Patient.x-seen",
    )


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        ({"version": "26.619.10213.0"}, "26.619.10213.0"),
        ({"software": {"version": "26.619+000"}}, "26.619+000"),
        ({"software": "x"}, ""),
        ({"version": 'x"\nevil = 1'}, ""),
        ({"version": 5}, ""),
        ({}, ""),
    ],
)
def test_engine_version_is_plain_text(statement: dict[str, Any], version: str) -> None:
    assert engine_version(_evidence_with_statement(**statement)) == version
