"""DocumentReferences with attachments inside or by URL, and the Binaries behind those URLs."""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.emulator.data.records import Chart, Resource, wall_instant
from gateway.emulator.data.terms import LOINC, concept

_FIRST: Final = datetime(2024, 7, 1, 8, 15)  # noqa: DTZ001 - wall clock, as the practice's database keeps it
_LETTER: Final = b"Synthetic letter. No patient, practice or practitioner in it exists. "
_ATTACHMENT_BYTES: Final = 21_000


def add_documents(chart: Chart, number: int) -> None:
    """`number` documents of about 28 kB for Patient/1, and one for each of the next patients."""
    data = b64encode((_LETTER * (_ATTACHMENT_BYTES // len(_LETTER) + 1))[:_ATTACHMENT_BYTES]).decode()
    for index in range(number):
        chart.add(_document(chart, "1", index, {"contentType": "text/plain", "data": data}))
    for index in range(2, min(len(chart.records["Patient"]), 12) + 1):
        binary = chart.add({"resourceType": "Binary", "contentType": "text/plain", "data": data[:400]})
        attachment = {"contentType": "text/plain", "url": f"Binary/{binary['id']}", "size": 300}
        chart.add(_document(chart, str(index), index, attachment))


def _document(chart: Chart, patient: str, index: int, attachment: dict[str, Any]) -> Resource:
    moment = wall_instant(_FIRST + timedelta(days=5 * index, minutes=index), chart.site.zone)
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": concept(LOINC, "11488-4", "Consult note"),
        "subject": {"reference": f"Patient/{patient}"},
        "date": moment,
        "author": [{"reference": "Practitioner/1"}],
        "content": [{"attachment": attachment | {"title": f"Letter {index + 1}"}}],
    }
