"""DocumentReferences with attachments inline or by URL, and the Binaries at those URLs."""

from base64 import b64encode
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.emulator.data.records import PracticeBuilder, Resource, wall_time_to_instant
from gateway.emulator.data.terms import LOINC, codeable_concept

_FIRST_DOCUMENT_TIME: Final = datetime(2024, 7, 1, 8, 15)  # noqa: DTZ001 - wall-clock time, as in the practice's database
_LETTER_TEXT: Final = b"Synthetic letter. No patient, practice or practitioner in it exists. "
_ATTACHMENT_BYTES: Final = 21_000


def add_documents(builder: PracticeBuilder, count: int) -> None:
    """Add `count` documents of about 28 kB for Patient/1, and one per patient for up to eleven more."""
    data = b64encode(
        (_LETTER_TEXT * (_ATTACHMENT_BYTES // len(_LETTER_TEXT) + 1))[:_ATTACHMENT_BYTES]
    ).decode()
    for index in range(count):
        builder.add(_document_reference(builder, "1", index, {"contentType": "text/plain", "data": data}))
    for index in range(2, min(len(builder.records["Patient"]), 12) + 1):
        binary = builder.add({"resourceType": "Binary", "contentType": "text/plain", "data": data[:400]})
        attachment = {"contentType": "text/plain", "url": f"Binary/{binary['id']}", "size": 300}
        builder.add(_document_reference(builder, str(index), index, attachment))


def _document_reference(
    builder: PracticeBuilder, patient_id: str, index: int, attachment: dict[str, Any]
) -> Resource:
    moment = wall_time_to_instant(
        _FIRST_DOCUMENT_TIME + timedelta(days=5 * index, minutes=index), builder.site.zone
    )
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": codeable_concept(LOINC, "11488-4", "Consult note"),
        "subject": {"reference": f"Patient/{patient_id}"},
        "date": moment,
        "author": [{"reference": "Practitioner/1"}],
        "content": [{"attachment": attachment | {"title": f"Letter {index + 1}"}}],
    }
