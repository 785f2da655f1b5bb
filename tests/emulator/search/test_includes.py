from emulator.halo_client import HaloClient, matches


def keys(bundle: dict[str, object], mode: str) -> set[str]:
    return {f"{row['resourceType']}/{row['id']}" for row in matches(bundle, mode)}


def test_include_adds_referenced_resources(halo: HaloClient) -> None:
    halo.disable("reference-base-url")
    bundle = halo.json("Appointment?_include=Appointment:practitioner&_count=5")
    references = {
        participant["actor"]["reference"]
        for row in matches(bundle)
        for participant in row["participant"]
        if participant["actor"]["reference"].startswith("Practitioner/")
    }
    assert keys(bundle, "include") == references
    assert bundle["total"] > 5


def test_include_with_target_type_adds_that_type_only(halo: HaloClient) -> None:
    bundle = halo.json("Appointment?_include=Appointment:actor:Location&_count=5")
    assert keys(bundle, "include") == {"Location/1"}


def test_revinclude_adds_referencing_resources(halo: HaloClient) -> None:
    bundle = halo.json("Patient?_id=1&_revinclude=Condition:patient")
    ids = {key for key, row in halo.truth("Condition").items() if row["subject"]["reference"] == "Patient/1"}
    assert ids
    assert keys(bundle, "include") == {f"Condition/{key}" for key in ids}


def test_include_iterate_follows_included_resources(halo: HaloClient) -> None:
    path = "Slot?_id=1&_include=Slot:schedule&_include:iterate=Schedule:actor"
    assert keys(halo.json(path), "include") == {"Schedule/1", "Practitioner/1", "Location/1"}
    assert keys(halo.json(path.replace(":iterate", "")), "include") == {"Schedule/1"}


def test_include_star_adds_all_references(halo: HaloClient) -> None:
    bundle = halo.json("Encounter?_include=*&_count=1")
    assert {key.partition("/")[0] for key in keys(bundle, "include")} == {
        "Patient",
        "Practitioner",
        "Location",
        "Organization",
    }


def test_bundle_has_no_duplicate_entries(halo: HaloClient) -> None:
    bundle = halo.json("Patient?_revinclude=Appointment:patient&_include=Patient:organization&_count=1000")
    references = [f"{row['resource']['resourceType']}/{row['resource']['id']}" for row in bundle["entry"]]
    assert len(references) == len(set(references))


def test_include_omits_inactive_rows(halo: HaloClient) -> None:
    path = "Condition?_include=Condition:patient&_count=1000"
    active = keys(halo.json(path), "include")
    halo.disable("inactive-records")
    assert keys(halo.json(path), "include") > active
