import pytest
from emulator.health_gorilla.gorilla_client import GorillaClient

from gateway.emulator.health_gorilla.errors import GorillaError
from gateway.emulator.health_gorilla.paging import page_of

FOUND: list[dict[str, object]] = [{"id": str(number)} for number in range(250)]


def walk(gorilla: GorillaClient, url: str) -> list[list[str]]:
    pages = []
    while url:
        page = gorilla.get(url).json()
        pages.append([entry["resource"]["id"] for entry in page["entry"]])
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return pages


@pytest.mark.parametrize("query", ["", "?_count=7", "?_offset=0", "?_offset=0&_count=7"])
def test_walk_gives_every_resource_once(gorilla: GorillaClient, query: str) -> None:
    pages = walk(gorilla, f"{gorilla.emulator.url}/fhir/R4/Patient{query}")
    size = 7 if "_count" in query else 20
    assert [len(page) for page in pages][:-1] == [size] * (45 // size)
    assert len({identity for page in pages for identity in page}) == 45 == sum(map(len, pages))


def test_page_has_at_most_a_hundred_resources() -> None:
    assert len(page_of(FOUND, "u", [("_count", "500")], "cursor").resources) == 100


def test_cursor_link_repeats_the_criteria() -> None:
    links = dict(page_of(FOUND, "u", [("patient", "1"), ("_count", "50")], "cursor").links)
    assert links["self"] == "u?patient=1&_count=50"
    assert links["next"].startswith("u?patient=1&_count=50&_cursor=")


@pytest.mark.parametrize(
    ("offset", "offsets"),
    [
        (0, {"self": 0, "first": 0, "last": 240, "next": 20}),
        (20, {"self": 20, "first": 0, "last": 240, "next": 40, "previous": 0}),
        (240, {"self": 240, "first": 0, "last": 240, "previous": 220}),
    ],
)
def test_offset_page_has_the_links_of_its_place(offset: int, offsets: dict[str, int]) -> None:
    page = page_of(FOUND, "u", [("_offset", str(offset))], "cursor")
    expected = {name: f"u?_count=20&_offset={start}" for name, start in offsets.items()}
    assert dict(page.links) == expected


def test_setting_pages_by_offset_without_a_parameter() -> None:
    assert "last" in dict(page_of(FOUND, "u", [], "offset").links)


def test_laboratory_results_are_not_paged(gorilla: GorillaClient) -> None:
    bundle = gorilla.get("/fhir/R4/Observation?category=laboratory").json()
    assert len(bundle["entry"]) == bundle["total"] == 135
    assert [link["relation"] for link in bundle["link"]] == ["self"]


@pytest.mark.parametrize("pair", [("_cursor", "x"), ("_cursor", "ÿ"), ("_count", "-1"), ("_offset", "a")])
def test_malformed_position_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(GorillaError):
        page_of(FOUND, "u", [pair], "cursor")
