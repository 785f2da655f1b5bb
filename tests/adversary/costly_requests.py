"""Requests that cost much: those of S3 and their kind, and the largest that the limits permit."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import httpx

from gateway.emulator.sites import SYDNEY

FHIR = f"/integrator/sites/{SYDNEY}/fhir/R4"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/fhir+json"}
PATCH = {"content-type": "application/json-patch+json"}
KEY = {"ocp-apim-subscription-key": "made-up-key"}


class Attack(NamedTuple):
    """A request of a caller whose key is made up."""

    method: str
    path: str
    content: str = ""
    headers: Mapping[str, str] = MappingProxyType({})


def names(count: int) -> str:
    return "&".join(f"{number:x}=" for number in range(count))


def ids(count: int) -> str:
    return ",".join(f"{number:x}" for number in range(count))


def explain(search: str) -> str:
    parameter = f'{{"name":"search","valueString":"{search}"}}'
    return f'{{"resourceType":"Parameters","parameter":[{parameter}]}}'


def nested(depth: int) -> str:
    """An object with this many levels and a URL of the gateway in the deepest, which is large."""
    core = '{"url":"http://gw.example/x","p":"' + "x" * 1_800_000 + '"}'
    return '{"resourceType":"Patient","a":' * depth + core + "}" * depth


def batch(count: int, url: str, resource: str = "") -> str:
    """A batch of reads, or of creates that each refer to the one that the first creates."""
    entry = f'{{"request":{{"method":"GET","url":"{url}"}}}}'
    if resource:
        entry = f'{{"request":{{"method":"POST","url":"{url}"}},"resource":{resource}}}'
    first = entry.replace("{", '{"fullUrl":"urn:uuid:1",', 1)
    entries = ",".join([first, *[entry] * (count - 1)])
    return f'{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}'


ATTACKS = {
    "GET with 3,000 names": Attack("GET", f"{FHIR}/Patient?{names(3_000)}"),
    "form with 5,000 names": Attack("POST", f"{FHIR}/Patient/_search", names(5_000), FORM),
    "form with 20,000 names": Attack("POST", f"{FHIR}/Patient/_search", names(20_000), FORM),
    "form with 40,000 names": Attack("POST", f"{FHIR}/Patient/_search", names(40_000), FORM),
    "form with 2 MB of separators": Attack("POST", f"{FHIR}/Patient/_search", "&" * 1_990_000, FORM),
    "$explain with 20,000 names": Attack(
        "POST", f"{FHIR}/$explain", explain("Patient?" + names(20_000)), JSON
    ),
    "$explain with 999 dates": Attack(
        "POST", f"{FHIR}/$explain", explain("Appointment?" + "&".join(["date=ne2026-05-04"] * 999)), JSON
    ),
    "nested _has of 500 kB": Attack(
        "POST", f"{FHIR}/Patient/_search", "_has:Observation:patient:" * 20_000 + "code=1", FORM
    ),
    "nested _has of 15 kB": Attack("GET", f"{FHIR}/Patient?{'_has:Observation:patient:' * 600}code=1"),
    "chain of 7,000 steps": Attack("GET", f"{FHIR}/Observation?{'focus.' * 2_500}date=2026"),
    "200 chains of 60 steps": Attack(
        "POST",
        f"{FHIR}/Observation/_search",
        "&".join(f"{'focus.' * 30}date:x{number}=2026" for number in range(200)),
        FORM,
    ),
    "100 untyped chains to a date": Attack(
        "POST",
        f"{FHIR}/Observation/_search",
        "&".join(f"focus.{name}focus._lastUpdated=2026" for name in ("", *(f"x{n}." for n in range(9)))),
        FORM,
    ),
    "If-None-Exist with 12,500 names": Attack(
        "POST", f"{FHIR}/Patient", '{"resourceType":"Patient"}', JSON | {"if-none-exist": names(11_000)}
    ),
    "If-None-Exist with 999 dates": Attack(
        "POST",
        f"{FHIR}/Patient",
        '{"resourceType":"Patient"}',
        JSON | {"if-none-exist": "&".join(["birthdate=ne2026-05-04"] * 999)},
    ),
    "list of 280,000 patients": Attack(
        "POST", f"{FHIR}/Observation/_search", "patient=" + ids(280_000), FORM
    ),
    "list of 20,000 patients": Attack("POST", f"{FHIR}/Observation/_search", "patient=" + ids(20_000), FORM),
    "encoded list of 20,000 patients": Attack(
        "POST", f"{FHIR}/Observation/_search", "patient=" + ids(20_000).replace(",", "%2c"), FORM
    ),
    "999 dates": Attack("POST", f"{FHIR}/Appointment/_search", "&".join(["date=ne2026-05-04"] * 999), FORM),
    "list of 999 dates": Attack(
        "POST", f"{FHIR}/Appointment/_search", "date=" + ",".join(["ne2026-05-04"] * 999), FORM
    ),
    "dates of 4,000 digits": Attack(
        "POST",
        f"{FHIR}/Appointment/_search",
        "&".join([f"date=ge2026-05-04T10:00:00.{'7' * 4_000}"] * 99),
        FORM,
    ),
    "value of 2 MB, all escaped": Attack("POST", f"{FHIR}/Patient/_search", "name=" + "%41" * 660_000, FORM),
    "name of 2 MB, all escaped": Attack("POST", f"{FHIR}/Patient/_search", "%41" * 660_000, FORM),
    "page token of 2 MB": Attack("POST", f"{FHIR}/Patient/_search", "_page=" + "A" * 1_900_000, FORM),
    "conditional update": Attack("PUT", f"{FHIR}/Patient?{names(3_000)}", '{"resourceType":"Patient"}', JSON),
    "conditional patch": Attack("PATCH", f"{FHIR}/Patient?{names(3_000)}", "[]", PATCH),
    "conditional delete": Attack("DELETE", f"{FHIR}/Patient/1?{names(3_000)}"),
    "$everything": Attack("GET", f"{FHIR}/Patient/1/$everything?{names(3_000)}"),
    "history": Attack("GET", f"{FHIR}/Patient/1/_history?{names(3_000)}"),
    "operation": Attack("POST", f"{FHIR}/Patient/$match?{names(3_000)}", "{}", JSON),
    "passed through": Attack("GET", f"/integrator/sites?{names(3_000)}"),
    "10,000 header fields": Attack("GET", f"{FHIR}/Patient", "", {f"x{n:x}": "" for n in range(7_000)}),
    "Accept with 30,000 ranges": Attack("GET", f"{FHIR}/Patient", "", {"accept": "a," * 30_000}),
    "Cache-Control with 30,000 directives": Attack(
        "GET", f"{FHIR}/Patient", "", {"cache-control": "a," * 30_000}
    ),
    "Prefer with 30,000 preferences": Attack("GET", f"{FHIR}/Patient", "", {"prefer": "a," * 30_000}),
    "body with 180,000 names": Attack(
        "POST", f"{FHIR}/Patient", "{" + ",".join(f'"a{n}":1' for n in range(170_000)) + "}", JSON
    ),
    "body with one name 200,000 times": Attack(
        "POST", f"{FHIR}/Patient", "{" + ", ".join(['"a":1'] * 250_000) + "}", JSON
    ),
    "string without an end, as JSON Patch": Attack(
        "POST",
        f"{FHIR}/Patient",
        '{"reference":"http://gw.example/x',
        PATCH | {"host": "gw.example"},
    ),
    "body of 1,900,000 open brackets": Attack(
        "POST", f"{FHIR}/Patient", '{"resourceType":"Patient","a":' + "[" * 1_900_000, JSON
    ),
    "body of 1,900,000 closing brackets": Attack(
        "POST", f"{FHIR}/Patient", '{"resourceType":"Patient","a":' + "]" * 1_900_000, JSON
    ),
    "body of 300,000 strings and brackets": Attack(
        "POST", f"{FHIR}/Patient", '{"a":' + '"[" [' * 300_000, JSON
    ),
    "string of 1,900,000 brackets": Attack(
        "POST", f"{FHIR}/Patient", '{"resourceType":"Patient","a":"' + "[" * 1_900_000 + '"}', JSON
    ),
    "body of 400 levels": Attack("POST", f"{FHIR}/Patient", nested(400), JSON | {"host": "gw.example"}),
}
ATTACKS |= {
    "batch of 10,000 entries": Attack("POST", FHIR, batch(10_000, "Patient/1"), JSON),
    "dates in 5,000 parameters": Attack(
        "POST",
        f"{FHIR}/Slot/$find-free",
        '{"resourceType":"Parameters","parameter":['
        + ",".join(['{"name":"start","valueDate":"2026-05-04"}'] * 5_000)
        + "]}",
        JSON,
    ),
    "dates of unknown meaning": Attack(
        "GET", f"{FHIR}/Slot/$find-free?x={','.join(['2026-05-04'] * 900)},2026-05"
    ),
}

#: Batches at the limits: each entry is paused or refused, because the key was refused.
BATCHES = {
    "50 searches of 100 dates": Attack(
        "POST", FHIR, batch(50, "Appointment?" + "&".join(["date=ne2026-05-04T10:00"] * 100)), JSON
    ),
    "50 searches of 2,000 dates": Attack(
        "POST", FHIR, batch(50, "Appointment?date=" + ",".join(["ne2026-05-04"] * 900)), JSON
    ),
    "50 creates with many references": Attack(
        "POST",
        FHIR,
        batch(
            50,
            "Basic",
            '{"resourceType":"Basic","extension":['
            + ",".join(['{"url":"x","valueReference":{"reference":"urn:uuid:2"}}'] * 450)
            + "]}",
        ),
        JSON,
    ),
}

#: Requests at the limits: they are allowed, and paused because the key was refused.
LARGEST = {
    "200 names": Attack("POST", f"{FHIR}/Patient/_search", names(200), FORM),
    "list of 1,000 patients": Attack("POST", f"{FHIR}/Observation/_search", "patient=" + ids(1_000), FORM),
    "20 lists of 1,000 patients": Attack(
        "POST", f"{FHIR}/Observation/_search", "&".join(["patient=" + ids(1_000)] * 20), FORM
    ),
    "100 dates with ne": Attack(
        "POST",
        f"{FHIR}/Appointment/_search",
        "&".join(f"date=ne2026-05-04T{number % 24:02}:00" for number in range(100)),
        FORM,
    ),
    "100 names of dates with ne": Attack(
        "POST",
        f"{FHIR}/Appointment/_search",
        "&".join(f"patient:Patient.{'birthdate' if n % 2 else 'death-date'}:m{n}=ne2026" for n in range(100)),
        FORM,
    ),
    "100 distinct dates": Attack(
        "POST",
        f"{FHIR}/Appointment/_search",
        "&".join(f"{'_has:Observation:subject:' * (n % 5)}date=ne2026" for n in range(100)),
        FORM,
    ),
    "200 chains of 5 steps": Attack(
        "POST",
        f"{FHIR}/Observation/_search",
        "&".join(f"focus.focus:Patient.focus.focus.focus.x{number}=2026" for number in range(200)),
        FORM,
    ),
    "200 untyped chains to an unknown name": Attack(
        "POST",
        f"{FHIR}/Observation/_search",
        "&".join(f"focus.x{number}=2026" for number in range(200)),
        FORM,
    ),
    "100 kB, all escaped": Attack("POST", f"{FHIR}/Patient/_search", "name=" + "%41" * 33_000, FORM),
    "body with 50,000 values": Attack(
        "POST", f"{FHIR}/Patient", '{"a":[' + ",".join(["{}"] * 49_000) + "]}", JSON
    ),
}


def send(url: str, request: Attack) -> httpx.Response:
    return httpx.request(
        request.method,
        url + request.path,
        content=request.content,
        headers={**KEY, **request.headers},
        timeout=60,
        trust_env=False,
    )
