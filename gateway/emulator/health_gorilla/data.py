"""Synthetic data set, with relative references; `{origin}` stands for the server's own origin."""

from base64 import b64encode
from typing import Any, Final

Resource = dict[str, Any]
#: Resources by type and id.
Tables = dict[str, dict[str, Resource]]

#: First digits of the ids of each type; the rest is a number.
_PREFIXES: Final = {
    "Patient": "d5da4352",
    "Practitioner": "a1b27c05",
    "DocumentReference": "c0ffee17",
    "Binary": "b17e5000",
    "DiagnosticReport": "d1a60057",
    "Observation": "0b5e7700",
    "RequestGroup": "4e0de700",
    "Subscription": "5ab5c700",
}
RESOURCE_TYPES: Final = tuple(_PREFIXES)
_FAMILIES: Final = ("Zzyzx", "Quillby", "Oxtaby", "Wexworth", "Yarrowby")
_GIVENS: Final = ("Ada", "Bram", "Cleo", "Dov", "Esme", "Finn", "Greta")
#: Laboratory tests: LOINC code, name, unit.
_TESTS: Final = (
    ("2345-7", "Glucose", "mg/dL"),
    ("718-7", "Hemoglobin", "g/dL"),
    ("2160-0", "Creatinine", "mg/dL"),
)
_VITAL_SIGNS: Final = 45


def resource_id(resource_type: str, number: int) -> str:
    """Id of a resource of the data set: 24 hexadecimal digits, as Health Gorilla's."""
    return f"{_PREFIXES[resource_type]}{number:016x}"


def generate_tables(patients: int) -> Tables:
    """Generate the data set: for each patient a document, a report with laboratory results and an order.

    The first patient has vital signs on several pages.
    """
    resources = [_practitioner(number) for number in (1, 2)]
    for number in range(1, patients + 1):
        resources += [_patient(number), _document(number), _binary(number), _report(number), _order(number)]
        resources += [_laboratory_result(number, test) for test in range(len(_TESTS))]
    resources += [_vital_sign(number) for number in range(1, _VITAL_SIGNS + 1)]
    tables: Tables = {name: {} for name in RESOURCE_TYPES}
    for resource in resources:
        tables[resource["resourceType"]][resource["id"]] = resource
    return tables


def _resource(resource_type: str, number: int, **elements: Any) -> Resource:
    meta = {
        "versionId": "1",
        "lastUpdated": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T10:00:00.000+00:00",
    }
    return {
        "resourceType": resource_type,
        "id": resource_id(resource_type, number),
        "meta": meta | elements.pop("meta", {}),
        **elements,
    }


def _reference(resource_type: str, number: int) -> dict[str, str]:
    return {"reference": f"{resource_type}/{resource_id(resource_type, number)}"}


def _patient(number: int) -> Resource:
    family, given = _FAMILIES[number % len(_FAMILIES)], _GIVENS[number % len(_GIVENS)]
    record_type = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{{origin}}/chart">{family}</a></div>'
    return _resource(
        "Patient",
        number,
        meta={"profile": ["{origin}/fhir/StructureDefinition/hg-patient"]},
        text={"status": "generated", "div": narrative},
        identifier=[{"type": record_type, "system": "{origin}", "value": f"HG-{number:05}"}],
        name=[{"use": "official", "family": family, "given": [given, f"N{number}"]}],
        gender=("female", "male")[number % 2],
        birthDate=f"{1930 + number % 90}-{number % 12 + 1:02}-{number % 28 + 1:02}",
        generalPractitioner=[_reference("Practitioner", number % 2 + 1)],
    )


def _practitioner(number: int) -> Resource:
    return _resource(
        "Practitioner",
        number,
        identifier=[{"system": "http://hl7.org/fhir/sid/us-npi", "value": f"999999999{number}"}],
        name=[{"family": _FAMILIES[-number], "given": [_GIVENS[-number]]}],
    )


def _document(number: int) -> Resource:
    attachments = [
        {"contentType": "application/pdf", "url": f"{form}{resource_id('Binary', number)}"}
        for form in ("binary:", "download:")
    ]
    return _resource(
        "DocumentReference",
        number,
        status="current",
        type={
            "coding": [
                {"system": "http://loinc.org", "code": "34133-9", "display": "Summary of episode note"}
            ]
        },
        category=[{"text": "Clinical note"}],
        subject=_reference("Patient", number),
        date=f"2026-03-{number % 28 + 1:02}T08:30:00+00:00",
        content=[{"attachment": attachment} for attachment in attachments],
    )


def _binary(number: int) -> Resource:
    content = f"%PDF-1.4\n% synthetic document {number}\n%%EOF\n".encode()
    return _resource("Binary", number, contentType="application/pdf", data=b64encode(content).decode())


def _report(number: int) -> Resource:
    results = [_reference("Observation", _result_number(number, test)) for test in range(len(_TESTS))]
    category = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "LAB"}]}
    return _resource(
        "DiagnosticReport",
        number,
        status="final",
        category=[category],
        code={"text": "Metabolic panel"},
        subject=_reference("Patient", number),
        effectiveDateTime=f"2026-02-{number % 28 + 1:02}T07:15:00+00:00",
        result=results,
        presentedForm=[
            {"contentType": "application/pdf", "url": f"download:{resource_id('Binary', number)}"}
        ],
    )


def _result_number(patient: int, test: int) -> int:
    return 10_000 + patient * len(_TESTS) + test


def _laboratory_result(patient: int, test: int) -> Resource:
    code, name, unit = _TESTS[test]
    return _observation(
        _result_number(patient, test), patient, "laboratory", {"code": code, "display": name}, 5 + test, unit
    )


def _vital_sign(number: int) -> Resource:
    code = {"code": "8867-4", "display": "Heart rate"}
    return _observation(number, 1, "vital-signs", code, 60 + number % 30, "/min")


def _observation(
    number: int, patient: int, category: str, code: dict[str, str], value: int, unit: str
) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    return _resource(
        "Observation",
        number,
        status="final",
        category=[{"coding": [{"system": system, "code": category}]}],
        code={"coding": [{"system": "http://loinc.org", **code}]},
        subject=_reference("Patient", patient),
        effectiveDateTime=f"2026-02-{number % 28 + 1:02}T07:15:00+00:00",
        valueQuantity={"value": value, "unit": unit},
    )


def _order(number: int) -> Resource:
    return _resource(
        "RequestGroup",
        number,
        meta={"profile": ["{origin}/fhir/StructureDefinition/hg-order"]},
        extension=[
            {
                "url": "{origin}/fhir/StructureDefinition/hg-order-performer",
                "valueReference": {"display": "Synthetic Laboratory"},
            }
        ],
        status="active",
        intent="order",
        subject=_reference("Patient", number),
        author=_reference("Practitioner", number % 2 + 1),
        authoredOn="2026-02-01T07:15:00+00:00",
    )
