"""All records of one site."""

from random import Random

from gateway.emulator.data.clinical import add_clinical_records
from gateway.emulator.data.documents import add_documents
from gateway.emulator.data.people import add_patients, add_practice, add_practitioners
from gateway.emulator.data.records import PracticeBuilder, Record
from gateway.emulator.data.schedules import add_schedules
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import Site


def generate_practice_data(site: Site, settings: EmulatorSettings) -> dict[str, list[Record]]:
    """Records by resource type; the same seed, settings and site always give the same ones."""
    chart = PracticeBuilder(site, Random(f"{settings.seed}/{site.guid}"))
    patients = max(5, int(settings.patients * site.patient_share))
    add_practice(chart)
    add_practitioners(chart, 3 + patients // 100)
    add_patients(chart, patients)
    add_schedules(chart)
    for record in chart.records["Patient"]:
        identity = record.resource["id"]
        fullness, least = (3, 3) if identity == "1" else (1, 0)
        add_clinical_records(chart, identity, fullness, least)
    add_documents(chart, settings.documents)
    return chart.records
