from emulator.asking import Halo, matches


def keys(bundle: dict[str, object], mode: str) -> set[str]:
    return {f"{row['resourceType']}/{row['id']}" for row in matches(bundle, mode)}


def test_an_include_brings_what_the_matches_point_at(halo: Halo) -> None:
    halo.off("reference-base-url")
    bundle = halo.json("Appointment?_include=Appointment:practitioner&_count=5")
    named = {
        each["actor"]["reference"]
        for row in matches(bundle)
        for each in row["participant"]
        if each["actor"]["reference"].startswith("Practitioner/")
    }
    assert keys(bundle, "include") == named
    assert bundle["total"] > 5


def test_an_include_can_be_limited_to_one_target_type(halo: Halo) -> None:
    bundle = halo.json("Appointment?_include=Appointment:actor:Location&_count=5")
    assert keys(bundle, "include") == {"Location/1"}


def test_a_reverse_include_brings_what_points_at_the_matches(halo: Halo) -> None:
    bundle = halo.json("Patient?_id=1&_revinclude=Condition:patient")
    mine = {key for key, row in halo.truth("Condition").items() if row["subject"]["reference"] == "Patient/1"}
    assert mine
    assert keys(bundle, "include") == {f"Condition/{key}" for key in mine}


def test_iterating_follows_what_was_brought(halo: Halo) -> None:
    path = "Slot?_id=1&_include=Slot:schedule&_include:iterate=Schedule:actor"
    assert keys(halo.json(path), "include") == {"Schedule/1", "Practitioner/1", "Location/1"}
    assert keys(halo.json(path.replace(":iterate", "")), "include") == {"Schedule/1"}


def test_a_star_brings_every_reference(halo: Halo) -> None:
    bundle = halo.json("Encounter?_include=*&_count=1")
    assert {key.partition("/")[0] for key in keys(bundle, "include")} == {
        "Patient",
        "Practitioner",
        "Location",
        "Organization",
    }


def test_nothing_is_brought_twice_or_when_it_is_a_match(halo: Halo) -> None:
    bundle = halo.json("Patient?_revinclude=Appointment:patient&_include=Patient:organization&_count=1000")
    listed = [f"{row['resource']['resourceType']}/{row['resource']['id']}" for row in bundle["entry"]]
    assert len(listed) == len(set(listed))


def test_inactive_rows_are_not_brought_either(halo: Halo) -> None:
    path = "Condition?_include=Condition:patient&_count=1000"
    hidden = keys(halo.json(path), "include")
    halo.off("inactive-records")
    assert keys(halo.json(path), "include") > hidden
