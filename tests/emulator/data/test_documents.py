from gateway.emulator.data.practice_data import generate_practice_data
from gateway.emulator.settings import EmulatorSettings
from gateway.emulator.sites import BRISBANE, PERTH, SITES


def test_one_named_patient_has_many_documents_of_about_28_kilobytes() -> None:
    made = generate_practice_data(SITES[BRISBANE], EmulatorSettings(patients=5))
    documents = [record.resource for record in made["DocumentReference"]]
    mine = [each for each in documents if each["subject"]["reference"] == "Patient/1"]
    assert len(mine) == 110
    assert all(27_000 < len(each["content"][0]["attachment"]["data"]) < 29_000 for each in mine)


def test_other_patients_have_documents_by_url_and_each_url_has_its_binary() -> None:
    made = generate_practice_data(SITES[PERTH], EmulatorSettings(patients=60, documents=3))
    attachments = [row.resource["content"][0]["attachment"] for row in made["DocumentReference"]]
    urls = [attachment["url"] for attachment in attachments if "url" in attachment]
    assert urls == [f"Binary/{row.resource['id']}" for row in made["Binary"]]
    assert len(urls) > 5
