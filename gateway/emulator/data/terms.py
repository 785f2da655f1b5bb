"""Names, words and codes of synthetic records. The names are common and refer to no real person."""

from typing import Any, Final

SNOMED_CT: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"

FEMALE_NAMES: Final = (
    "Olivia", "Amelia", "Isla", "Charlotte", "Matilda", "Evie", "Zoë", "Siobhán", "Priya", "Mei",
    "Aroha", "Kirra", "Fatima", "Chloe", "Hazel", "Ivy", "Nguyet", "Sienna", "Willow", "Freya",
)  # fmt: skip
MALE_NAMES: Final = (
    "Oliver", "Noah", "Jack", "Henry", "William", "Leo", "Theodore", "Hudson", "Arjun", "Wei",
    "Jarrah", "Tane", "Omar", "Thomas", "Lachlan", "Angus", "Björn", "Mitchell", "Darcy", "Callum",
)  # fmt: skip
FAMILY_NAMES: Final = (
    "Smith", "Jones", "Williams", "Brown", "Wilson", "Taylor", "Nguyen", "Johnson", "Martin", "White",
    "Anderson", "Walker", "Thompson", "Lee", "Ryan", "Robinson", "Kelly", "King", "Singh", "Campbell",
    "O'Brien", "D'Angelo", "van der Berg", "Müller", "Papadopoulos", "Wójcik", "Yunupingu", "MacKenzie",
    "Smithson", "Zhang",
)  # fmt: skip
STREETS: Final = ("George", "Queen", "Victoria", "Wattle", "Banksia", "Station", "Church", "Railway")
SUBURBS: Final = {
    "QLD": (("Paddington", "4064"), ("Toowong", "4066"), ("Chermside", "4032")),
    "NSW": (("Newtown", "2042"), ("Parramatta", "2150"), ("Manly", "2095")),
    "WA": (("Fremantle", "6160"), ("Subiaco", "6008"), ("Joondalup", "6027")),
}
AREA_CODES: Final = {"QLD": "07", "NSW": "02", "WA": "08"}

ALLERGENS: Final = (
    (SNOMED_CT, "91936005", "Allergy to penicillin"),
    (SNOMED_CT, "91935009", "Allergy to peanut"),
    (SNOMED_CT, "232350006", "House dust mite allergy"),
    (SNOMED_CT, "300916003", "Latex allergy"),
)
VACCINES: Final = (
    ("https://www.humanservicesaustralia.gov.au/organisations/health-professionals/enablers/air-vaccine-code-formats",
     "FLUVAX", "Fluvax"),
    ("https://www.humanservicesaustralia.gov.au/organisations/health-professionals/enablers/air-vaccine-code-formats",
     "BOOSTR", "Boostrix"),
    (SNOMED_CT, "836377006", "Influenza virus antigen only vaccine product"),
)  # fmt: skip
MEDICINES: Final = (
    (SNOMED_CT, "23628011000036109", "paracetamol 500 mg tablet"),
    (SNOMED_CT, "21415011000036100", "atorvastatin 20 mg tablet"),
    (SNOMED_CT, "21821011000036104", "metformin 500 mg tablet"),
    (SNOMED_CT, "21258011000036102", "salbutamol 100 microgram inhalation"),
)
PROBLEMS: Final = (
    (SNOMED_CT, "38341003", "Hypertensive disorder"),
    (SNOMED_CT, "44054006", "Diabetes mellitus type 2"),
    (SNOMED_CT, "195967001", "Asthma"),
    (SNOMED_CT, "396275006", "Osteoarthritis"),
    (SNOMED_CT, "35489007", "Depressive disorder"),
)
MEASURES: Final = (
    (LOINC, "29463-7", "Body weight", "kg", 48.0, 110.0),
    (LOINC, "8302-2", "Body height", "cm", 145.0, 200.0),
    (LOINC, "8867-4", "Heart rate", "/min", 52.0, 104.0),
    (LOINC, "8310-5", "Body temperature", "Cel", 35.8, 39.2),
)
VISIT_TYPES: Final = ("Standard consultation", "Long consultation", "Telehealth", "Immunisation")


def codeable_concept(system: str, code: str, text: str) -> dict[str, Any]:
    """Build a CodeableConcept with one coding and its text."""
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def hl7_codeable_concept(code_system: str, code: str) -> dict[str, Any]:
    """Build a CodeableConcept of an HL7 code system, given by the last segment of its URL."""
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{code_system}", "code": code}]}
