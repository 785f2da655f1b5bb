from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, PERTH, SITES


def test_first_patient_has_110_documents_of_28_kb() -> None:
    data = generate_practice_data(SITES[BRISBANE], EmulatorSettings(patients=5))
    resources = [record.resource for record in data["DocumentReference"]]
    documents = [row for row in resources if row["subject"]["reference"] == "Patient/1"]
    assert len(documents) == 110
    assert all(27_000 < len(row["content"][0]["attachment"]["data"]) < 29_000 for row in documents)


def test_attachment_urls_have_binaries() -> None:
    data = generate_practice_data(SITES[PERTH], EmulatorSettings(patients=60, documents=3))
    attachments = [row.resource["content"][0]["attachment"] for row in data["DocumentReference"]]
    urls = [attachment["url"] for attachment in attachments if "url" in attachment]
    assert urls == [f"Binary/{row.resource['id']}" for row in data["Binary"]]
    assert len(urls) > 5
