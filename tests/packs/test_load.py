"""Loading: strict tables, one line per problem, bounds, and everything that a pack must not do."""

import os
from pathlib import Path

import pytest
from conftest import ROOT
from support.packs import pack_text, write_pack

from gateway.packs.load import MAX_BYTES, load_pack, pack_name, read_issues, shipped_packs
from gateway.packs.problems import PackError

TYPE = 'type = "Patient"'
WHY = 'reason = "The vendor refuses it."'
#: (verbs, conditions, part of the line) of packs that are refused.
REFUSED = [
    ('{ drop = "gender", ' + WHY + " }", TYPE, "drop: filter: Field required"),
    ('{ drop = "gender", filter = "token" }', TYPE, "drop: reason: Field required"),
    ('{ drop = "gender", filter = "string", ' + WHY + " }", TYPE, 'write filter = "token"'),
    ('{ drop = "gender", filter = "none", ' + WHY + " }", TYPE, "without a filter"),
    ('{ drop = "_sort", filter = "none", ' + WHY + " }", TYPE, "without a filter"),
    ('{ drop = "gender", filter = "token", ' + WHY + " }", "", "name the types"),
    ('{ drop = "phone", filter = "token", ' + WHY + " }", TYPE, "cannot judge phone of Patient"),
    ('{ drop = "phonetic", filter = "string", ' + WHY + " }", TYPE, "cannot judge phonetic"),
    ('{ drop = "identifier", filter = "token", ' + WHY + " }", TYPE, "selects a patient"),
    ('{ drop = "_id", filter = "token", ' + WHY + " }", TYPE, "selects a patient"),
    ('{ drop = "subject", filter = "reference", ' + WHY + " }", 'type = "Observation"', "selects a patient"),
    ('{ filter = "phone", ' + WHY + " }", TYPE, "cannot judge phone"),
    ('{ filter = "gender", ' + WHY + " }", f'{TYPE}, parameter = "name"', "further pages may have none of"),
    ('{ drop = "gender", filter = "token", ' + WHY + " }", f'{TYPE}, parameter = "name"', "name gender in"),
    ('{ rename = "given", to = "family", ' + WHY + " }", TYPE, "another parameter of R4"),
    ('{ rename = "given", to = "_id", ' + WHY + " }", TYPE, "another parameter of R4"),
    ('{ rename = "_count", to = "limit", ' + WHY + " }", TYPE, "cannot be renamed"),
    ('{ rename = "given", to = "first", ' + WHY + " }", "", "name the types"),
    ('{ rename = "given", to = "Family", ' + WHY + " }", TYPE, "another parameter of R4"),
    ('{ rename = "patient", to = "subject", ' + WHY + " }", "", "name the types"),
    ('{ rename = "patient", to = "person", ' + WHY + " }", 'type = "Observation"', "selects a patient"),
    ('{ rename = "patient", to = "subject", ' + WHY + " }", 'type = "AllergyIntolerance"', "has no subject"),
    ('{ rename = "identifier", to = "mrn", ' + WHY + " }", TYPE, "selects a patient"),
    ('{ rename = "performer", to = "doer", ' + WHY + " }", 'type = "Observation"', "selects a patient"),
    ('{ rename = "given", to = "subscription-key", ' + WHY + " }", TYPE, "names a credential"),
    ('{ rename = "given", to = "access_token", ' + WHY + " }", TYPE, "names a credential"),
    ('{ rename = "given", to = "_filter", ' + WHY + " }", TYPE, "begins with _"),
    ('{ rename = "given", to = "_format", ' + WHY + " }", TYPE, "begins with _"),
    ('{ require = "family", ' + WHY + " }", TYPE, "name in `when` the parameters"),
    ('{ require = "gender", default = "male", ' + WHY + " }", 'parameter = "given"', "could hide matches"),
    ('{ split-list = "gender", into = "repeated" }', TYPE, "what meets both"),
    ("{ read-instead-of-search = true }", "", "name the types"),
    ("{ read-instead-of-search = false }", TYPE, "Input should be True"),
    ("{ limit-ids = 0 }", TYPE, "greater than or equal to 1"),
    ('{ set-code = "Observation.status", value = "final" }', "", "'unknown'"),
    ('{ set-code = "Patient.link.type", value = "unknown" }', "", "no code unknown"),
    ('{ set-code = "Patient.birthDate", value = "unknown" }', "", "no element of type code"),
    ('{ map-code = "Patient.gender", values = { "male" = "female" } }', "", "it means what it says"),
    ('{ map-code = "Patient.gender", values = { "m" = "man" } }', "", "has no code man"),
    ('{ map-code = "Patient.id", values = { "1" = "2" } }', "", "no element of type code"),
    ('{ set-header = "Authorization", value = "Bearer x" }', "", "cannot be set"),
    ('{ set-header = "Cookie", value = "a=b" }', "", "cannot be set"),
    ('{ set-header = "Host", value = "other.example" }', "", "cannot be set"),
    ('{ set-header = "Prefer", value = "respond-async" }', "", "cannot have this value"),
    ('{ set-header = "Prefer", value = "handling=lenient" }', "", "cannot have this value"),
    ('{ set-header = "Content-Type", value = "text/html", on = "answer" }', "", "cannot have this value"),
    ('{ set-header = "ETag", value = "1", on = "answer" }', "", "cannot be set"),
    ("{ map-status = 200 }", "status = 404", "200 is no status that an error may get"),
    ("{ map-status = 404 }", "status = 200", "200 cannot be mapped"),
    ("{ map-status = 404 }", "status = 401", "401 cannot be mapped"),
    ("{ map-status = 404 }", "status = 429", "429 cannot be mapped"),
    ("{ map-status = 503 }", "status = 400", "would stop those of others"),
    ("{ map-status = 404 }", "", "name in `when` the statuses"),
    ("{ map-status = 404 }", "status = 503", "must not read as 404"),
    ('{ map-status = 410, says = "is not there" }', "status = [400, 500]", "must not read as 410"),
    ("{ map-status = 422 }", "status = 500", "write another 5xx"),
    ("{ map-status = 404 }", "status = 400", "write in `says`"),
    ("{ map-status = 400 }", "status = 408", "408 cannot be mapped"),
    ('{ error-path = "error", status = 404 }', "", "write in `equals`"),
    ("{ map-status = 404 }", f"status = 400, {TYPE}", "has only status"),
    ('{ error-path = "error", status = 200 }', "", "200 is no status"),
    ('{ error-path = "resourceType" }', "", "write `equals`"),
    ("{ limit-ids = 3 }", "status = 400", "only map-status has a status"),
    ("{ limit-ids = 3 }", 'type = "Patent"', "when.type.0: write a resource type"),
    ("{ limit-ids = 3 }", 'typ = "Patient"', "when.typ: no such key. Did you mean type?"),
    ("{ limit-ids = 3 }", 'engine-version = "new"', "write a version"),
    ('{ limit-ids = 3, parametr = "_id" }', "", "no such key. Did you mean parameter?"),
    ("{ limt-ids = 3 }", "", "no verb in this table. Did you mean limit-ids?"),
    ("{ frobnicate = 3 }", "", "Write one of rename, drop"),
    ('{ rename = "given.*", to = "first", ' + WHY + " }", TYPE, "without a modifier"),
]  # fmt: skip


@pytest.mark.parametrize(("do", "when", "problem"), REFUSED)
def test_a_pack_that_could_do_harm_is_refused(do: str, when: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PackError) as refusal:
        load_pack(write_pack(tmp_path, pack_text(do, when)))
    assert problem in str(refusal.value)
    assert all("vendor.toml: issue one: " in line for line in str(refusal.value).splitlines())


def test_two_parameters_cannot_get_one_name(tmp_path: Path) -> None:
    first, second = (f'{{ rename = "{name}", to = "label", {WHY} }}' for name in ("given", "family"))
    both = write_pack(tmp_path, pack_text(first, TYPE) + pack_text(second, TYPE, "two"))
    with pytest.raises(PackError, match="family and given of Patient would both be label"):
        load_pack(both)
    load_pack(write_pack(tmp_path, pack_text(first, TYPE) + pack_text(second, 'type = "Person"', "two")))


@pytest.mark.parametrize(
    ("do", "status"),
    [
        ("{ map-status = 503 }", "status = [500, 502]"),
        ('{ map-status = 422, says = "not readable" }', "status = 500"),
        ('{ map-status = 404, says = "does not exist" }', "status = 400"),
        ("{ map-status = 410 }", "status = 404"),
    ],
)
def test_status_that_hides_no_outage_is_accepted(do: str, status: str, tmp_path: Path) -> None:
    assert load_pack(write_pack(tmp_path, pack_text(do, status))).rules


def test_issues_and_repairs_have_the_name_of_the_pack(tmp_path: Path) -> None:
    pack = load_pack(write_pack(tmp_path, pack_text("{ limit-ids = 3 }")))
    assert pack.name == "vendor"
    assert [issue.id for issue in pack.issues] == ["vendor:one"] == [each.issue.id for each in pack.repairs]
    assert pack.issues[0].source == "https://vendor.example/docs"
    assert pack.rules == ()


def test_each_problem_of_a_file_has_a_line(tmp_path: Path) -> None:
    first = pack_text("{ limit-ids = 0 }, { map-status = 200 }")
    second = pack_text("{ limit-ids = 1 }", issue="two") + pack_text("{ limit-ids = 1 }", issue="two")
    with pytest.raises(PackError) as refusal:
        load_pack(write_pack(tmp_path, first + second))
    lines = str(refusal.value).splitlines()
    assert len(lines) == 4
    assert "limit-ids" in lines[0]
    assert "issue two: the id is there twice" in lines[-1]


def test_many_problems_are_counted(tmp_path: Path) -> None:
    text = "".join(pack_text("{ limit-ids = 0 }", issue=f"i{number}") for number in range(30))
    with pytest.raises(PackError) as refusal:
        load_pack(write_pack(tmp_path, text))
    assert str(refusal.value).splitlines()[-1] == "and 10 more problems"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "write tables [[issue]]"),
        ("a = 1", "write tables [[issue]]"),
        ("issue = 3", "write tables [[issue]]"),
        ("issue = [3]", "issue 1: write a table"),
        ("[[issue]", "is no TOML"),
        (pack_text("{ limit-ids = 1 }") * 101, "more than 100 issues"),
        ("#" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} bytes"),
        (pack_text(", ".join(["{ limit-ids = 1 }"] * 11)), "at most 10 items"),
        (pack_text("{ limit-ids = 1 }").partition("[[issue.example]]")[0], "example: Field required"),
        (pack_text("{ limit-ids = 1 }").replace("https:", "ftp:"), "source: URL scheme should be"),
    ],
)
def test_file_of_another_form_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"vendor\.toml: ") as refusal:
        load_pack(write_pack(tmp_path, text))
    assert problem in str(refusal.value)


def test_unknown_name_and_missing_file_are_named() -> None:
    with pytest.raises(PackError, match=r"no such pack\. The gateway brings epic, medirecords"):
        load_pack("nobody")
    with pytest.raises(PackError, match="cannot be read: No such file"):
        load_pack("/nowhere/vendor.toml")
    with pytest.raises(PackError, match="in lower case"):
        load_pack("/nowhere/My Vendor.toml")


def test_the_gateway_brings_three_packs() -> None:
    assert shipped_packs() == ("epic", "medirecords", "oracle-health")
    for name in shipped_packs():
        issues = read_issues(name)
        assert 3 <= len(issues) <= 6
        assert all(issue.issue.source.startswith("https://") for issue in issues)
        assert all(issue.issue.id.startswith(f"{name}:") for issue in issues)


def test_pack_is_named_like_its_file() -> None:
    assert pack_name("epic") == "epic"
    assert pack_name("/etc/gateway/my-vendor.toml") == "my-vendor"


def test_page_lists_each_shipped_issue_with_its_source() -> None:
    page = (ROOT / "docs" / "quirk-packs.md").read_text(encoding="utf-8")
    known = [each.issue for name in shipped_packs() for each in read_issues(name)]
    expected = [f"| `{issue.id}` | {issue.title} | [source]({issue.source}) |" for issue in known]
    assert [line for line in page.splitlines() if "| [source](https://" in line] == expected


def test_device_or_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "vendor.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    for name in ("vendor", "zero"):
        with pytest.raises(PackError, match="is no file"):
            load_pack(str(tmp_path / f"{name}.toml"))
    with pytest.raises(PackError, match="write the path"):
        load_pack("a\0.toml")
