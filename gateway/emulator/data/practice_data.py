"""Generator of all records of a site."""

from random import Random

from gateway.emulator.data.clinical import add_clinical_records
from gateway.emulator.data.documents import add_documents
from gateway.emulator.data.people import add_patients, add_practice, add_practitioners
from gateway.emulator.data.precision import with_stored_precision
from gateway.emulator.data.records import PracticeBuilder, Record
from gateway.emulator.data.schedules import add_schedules
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import Site


def generate_practice_data(site: Site, settings: EmulatorSettings) -> dict[str, list[Record]]:
    """Generate records by resource type; the same settings and site give the same records."""
    builder = PracticeBuilder(site, Random(f"{settings.seed}/{site.guid}"))
    patients = max(5, int(settings.patients * site.patient_share))
    add_practice(builder)
    add_practitioners(builder, 3 + patients // 100)
    add_patients(builder, patients)
    add_schedules(builder)
    for record in builder.records["Patient"]:
        identity = record.resource["id"]
        fullness, minimum = (3, 3) if identity == "1" else (1, 0)
        add_clinical_records(builder, identity, fullness, minimum)
    add_documents(builder, settings.documents)
    return {
        resource_type: [_cut_dates(record, settings) for record in records]
        for resource_type, records in builder.records.items()
    }


def _cut_dates(record: Record, settings: EmulatorSettings) -> Record:
    resource = with_stored_precision(record.resource, settings.stored_precision)
    return record if resource is record.resource else Record(resource, record.active)
