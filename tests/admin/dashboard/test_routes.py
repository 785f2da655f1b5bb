"""Pages of the dashboard, what their forms do, and who may use them."""

import re

import pytest
from structlog.testing import capture_logs
from support.dashboard_pages import KEY, NOW, SAME_ORIGIN, SESSION, SIGNED_IN, DashboardPages
from support.operators import TOKEN
from support.site_json import DATES, GUID, PAUSE, SINCE, site_json

from gateway.admin.dashboard.sessions import COOKIE_NAME, session_of

pytestmark = pytest.mark.anyio

PAGES = ("/admin/", "/admin/practices", "/admin/practices/harbour", "/admin/pauses/list")
FORMS = {
    "/admin/pauses/end": {"pause": "site:quota"},
    "/admin/practices/reset": {"site": GUID},
    "/admin/purge/confirm": {"site": GUID, "type": "Patient"},
    "/admin/purge/run": {"site": GUID},
    "/admin/sign-out": {},
}
CROSS_SITE = {"sec-fetch-site": "cross-site", "origin": "http://evil.example"}


def pauses_json(names: list[str]) -> dict[str, object]:
    return {"asOf": SINCE, "found": len(names), "pauses": [PAUSE | {"pause": name} for name in names]}


@pytest.mark.parametrize("path", PAGES)
async def test_page_needs_a_session(path: str) -> None:
    pages = DashboardPages()
    assert (await pages.get(path)).status_code == 200
    for headers in ({}, {"cookie": f"{COOKIE_NAME}=x"}, {"authorization": f"Bearer {TOKEN}"}):
        response = await pages.get(path, headers)
        assert response.status_code == 303
        assert response.headers["location"].endswith("admin/sign-in")
    assert (await DashboardPages("").get(path, {})).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_page_says_which_workers_did_not_answer(path: str) -> None:
    pages = DashboardPages()
    assert "did not answer" not in (await pages.get(path)).text
    pages.group.missing_workers = [2]
    assert "These workers did not answer in half a second: 2." in (await pages.get(path)).text


@pytest.mark.parametrize("path", [*PAGES, "/admin/sign-in"])
@pytest.mark.parametrize("token", [TOKEN, ""])
async def test_page_of_another_origin_reads_nothing(path: str, token: str) -> None:
    for embedding in ({"sec-fetch-mode": "cors"}, {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}):
        response = await DashboardPages(token).get(path, SIGNED_IN | CROSS_SITE | embedding)
        assert response.status_code == 403
        assert "harbour" not in response.text


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [TOKEN, ""])
async def test_form_of_another_origin_changes_nothing(path: str, token: str) -> None:
    pages = DashboardPages(token)
    for fields in (CROSS_SITE, {"origin": "null"}, {}, {"sec-fetch-site": "same-site"}):
        response = await pages.post(path, SIGNED_IN | fields, **FORMS[path])
        assert (response.status_code, pages.group.writes) == (403, [])


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [TOKEN, ""])
async def test_form_needs_the_token_of_its_session(path: str, token: str) -> None:
    pages = DashboardPages(token)
    response = await pages.post(path, SIGNED_IN | SAME_ORIGIN, form_token="0" * 64, **FORMS[path])
    assert (response.status_code, pages.group.writes) == (403, [])
    assert (await pages.post(path, **FORMS[path])).status_code in {200, 303}


@pytest.mark.parametrize("path", FORMS)
async def test_form_needs_a_session(path: str) -> None:
    pages = DashboardPages()
    response = await pages.post(path, SAME_ORIGIN, **FORMS[path])
    assert response.headers["location"] == "../" * (path.count("/") - 1) + "admin/sign-in"
    assert pages.group.writes == []


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/admin/pauses/end", ("/admin/pauses/clear", {"pause": "site:quota"})),
        ("/admin/practices/reset", (f"/admin/sites/{GUID}/reset", {})),
        ("/admin/purge/run", ("/admin/purge", {"site": GUID})),
    ],
)
async def test_form_does_what_the_endpoint_does(path: str, written: tuple[str, object]) -> None:
    pages = DashboardPages()
    await pages.post(path, **FORMS[path])
    assert pages.group.writes == [written]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Pacific/Midway", "2027-01-14"),
        ("Australia/Sydney", "2027-01-15"),
        ("Pacific/Kiritimati", "2027-01-15"),
        ("", "2027-01-15"),
    ],
)
@pytest.mark.parametrize("key", [GUID, f"mnt/{GUID}"])
async def test_today_of_a_practice_is_its_own_day(zone: str, day: str, key: str) -> None:
    pages = DashboardPages()
    dates = DATES | {"timeZone": zone} if zone else None
    site = site_json(dates=dates, retries={"spent": 0, "left": 1}, successor=None, pageSizes=[], site=key)
    site["knownIssues"] = {"engine": None, "issues": []}
    pages.group.answers["/admin/sites"] = {"asOf": SINCE, "sites": [site]}
    assert (await pages.get(f"/admin/practices/{key}")).status_code == 200
    assert ("/admin/ledger", {"site": GUID, "since": day}) in pages.group.reads


async def test_sign_in_sets_a_cookie_for_the_pages_only() -> None:
    pages = DashboardPages()
    token = pages.door.form_token()
    for origin, secure in (("http://gw.example", ""), ("https://gw.example", "; Secure")):
        headers = {"sec-fetch-site": "same-origin", "origin": origin}
        response = await pages.post("/admin/sign-in", headers, token=TOKEN, form_token=token)
        assert (response.status_code, response.headers["location"]) == (303, "../admin/")
        cookie, _, attributes = response.headers["set-cookie"].partition("; ")
        assert f"; {attributes}" == f"; HttpOnly; Max-Age=28800; SameSite=strict{secure}"
        session = session_of(cookie.removeprefix(f"{COOKIE_NAME}="), KEY, NOW)
        assert session is not None
        assert session != SESSION
        assert (await pages.get("/admin/", {"cookie": cookie})).status_code == 200


@pytest.mark.parametrize("given", ["", "Zzyzx", TOKEN[:-1], TOKEN + "x", "ä"])
async def test_wrong_token_is_counted_and_not_shown(given: str) -> None:
    pages = DashboardPages()
    with capture_logs() as lines:
        response = await pages.post(
            "/admin/sign-in", SAME_ORIGIN, token=given, form_token=pages.door.form_token()
        )
    assert (response.status_code, "set-cookie" in response.headers) == (403, False)
    assert [line["event"] for line in lines] == ["admin-token-wrong"]
    assert not given or given not in str(lines) + response.text


async def test_attempts_of_one_address_are_limited() -> None:
    pages, statuses = DashboardPages(), []
    token = pages.door.form_token()
    with capture_logs():
        for given in (*["Zzyzx"] * 11, TOKEN):
            response = await pages.post("/admin/sign-in", SAME_ORIGIN, token=given, form_token=token)
            statuses.append(response.status_code)
    assert statuses == [403] * 10 + [429] * 2
    assert response.headers["retry-after"] == "60"


async def test_no_token_signs_nobody_in() -> None:
    pages = DashboardPages("")
    with capture_logs():
        response = await pages.post(
            "/admin/sign-in", SAME_ORIGIN, token="", form_token=pages.door.form_token()
        )
    assert "set-cookie" not in response.headers


async def test_sign_out_deletes_the_cookie() -> None:
    response = await DashboardPages().post("/admin/sign-out")
    assert response.headers["set-cookie"].startswith(f'{COOKIE_NAME}=""')
    assert "Max-Age=0" in response.headers["set-cookie"]


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_is_stored_framed_or_opened_by_others(path: str) -> None:
    headers = (await DashboardPages().get(path)).headers
    policy = headers["content-security-policy"]
    for directive in (
        "default-src 'none'",
        "script-src 'sha256-",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ):
        assert directive in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "Zzyzx"}, "resource type"),
        ({"patient": "Zzyzx 1"}, "letters, digits"),
        ({"patient": "é"}, "id"),
    ],
)
async def test_purge_of_an_unknown_scope_is_refused(fields: dict[str, str], text: str) -> None:
    pages = DashboardPages()
    for path in ("/admin/purge/confirm", "/admin/purge/run"):
        response = await pages.post(path, site=GUID, **fields)
        assert (response.status_code, pages.group.writes) == (400, [])
        assert text in response.text
        assert "Zzyzx" not in response.text


async def test_purge_without_a_practice_asks_nothing() -> None:
    pages = DashboardPages()
    response = await pages.post("/admin/purge/confirm", site="", type="Patient")
    assert (response.status_code, pages.group.writes) == (400, [])
    assert "site must be a Halo GUID" in response.text
    assert "harbour" not in response.text


async def test_purge_names_the_replicas_that_were_not_reached() -> None:
    pages = DashboardPages()
    pages.group.missed = [{"replica": "replica-2", "reason": "silent"}]
    response = await pages.post("/admin/purge/run", site=GUID, patient="Zzyzx")
    assert "Not reached: replica-2: it does not use the shared store at this moment" in response.text
    assert "They may serve old responses until" in response.text
    assert "Zzyzx" not in response.text


@pytest.mark.parametrize(
    ("path", "fields"), [("/admin/pauses/end", {"pause": "a:b"}), ("/admin/practices/reset", {"site": GUID})]
)
async def test_change_names_the_replicas_that_were_not_reached(path: str, fields: dict[str, str]) -> None:
    pages = DashboardPages()
    assert (await pages.post(path, **fields)).status_code == 303
    pages.group.missed = [{"replica": "replica-2", "reason": "no-answer"}]
    response = await pages.post(path, **fields)
    assert (response.status_code, "Not reached: replica-2: it did not answer" in response.text) == (200, True)


async def test_advice_after_a_purge_is_that_of_the_reason() -> None:
    pages = DashboardPages()
    pages.group.missed = [{"replica": "replica-2", "reason": "other-keys"}]
    response = await pages.post("/admin/purge/run", site=GUID, patient="1")
    assert "Purge the whole practice" in response.text
    assert "Repeat the change" not in response.text


@pytest.mark.parametrize(("reset", "word"), [([], "pause-gone"), (["a:b"], "pause-ended")])
async def test_page_says_whether_there_was_a_pause(reset: list[str], word: str) -> None:
    pages = DashboardPages()
    pages.group.reset = reset
    response = await pages.post("/admin/pauses/end", pause="a:b")
    assert response.headers["location"] == f"../../admin/?done={word}#pauses"
    assert "was not in effect" in (await pages.get("/admin/?done=pause-gone")).text


async def test_each_pause_has_a_button_on_some_page() -> None:
    pages = DashboardPages()
    names = [f"caller:{number:03}" for number in range(226)]
    pages.group.answers["/admin/pauses"] = pauses_json(names)
    assert '<a href="../admin/pauses/list">All 226 pauses</a>' in (await pages.get("/admin/")).text
    shown: list[str] = []
    for number, last in ((1, "100"), (2, "200"), (3, "300")):
        text = (await pages.get(f"/admin/pauses/list?page={number}")).text
        assert pages.group.reads[-1] == ("/admin/pauses", {"limit": last})
        shown += re.findall(r'name="pause" value="([^"]+)"', text)
    assert shown == names
    assert "Page 3 of 3" in (await pages.get("/admin/pauses/list?page=9")).text


@pytest.mark.parametrize(("page", "shown"), [("2", "2"), ("x&done=reset", "1")])
async def test_end_of_a_pause_shows_its_page_again(page: str, shown: str) -> None:
    response = await DashboardPages().post("/admin/pauses/end", pause="a:b", page=page)
    assert response.headers["location"] == f"../../admin/pauses/list?page={shown}&done=pause-gone"


async def test_form_of_another_type_or_too_large_is_refused() -> None:
    pages = DashboardPages()
    headers = SIGNED_IN | SAME_ORIGIN
    response = await pages.post("/admin/purge/run", headers | {"content-type": "text/plain"})
    assert response.status_code == 415
    assert (await pages.post("/admin/purge/run", headers, patient="1" * 10_001)).status_code == 413
    many = {f"a{number}": "" for number in range(30)}
    assert (await pages.post("/admin/purge/run", headers, **many)).status_code == 400


async def test_part_that_fails_leaves_the_page() -> None:
    response = await DashboardPages().get("/admin/")
    assert response.status_code == 200
    assert response.text.count("Not today.") == 3


async def test_endpoint_that_fails_is_a_page_with_its_text() -> None:
    pages = DashboardPages()
    pages.group.answers["/admin/sites"] = {}
    response = await pages.get("/admin/practices")
    assert (response.status_code, "Not today." in response.text) == (503, True)


async def test_bug_is_a_page_without_the_exception_text() -> None:
    pages = DashboardPages()
    pages.group.answers["/admin/history"] = {"intervals": ["Zzyzx"]}
    with capture_logs() as lines:
        response = await pages.get("/admin/")
    assert response.status_code == 500
    assert "reference=" in response.text
    assert "Zzyzx" not in response.text + str(lines)


async def test_folder_without_slash_redirects_below_any_prefix() -> None:
    response = await DashboardPages().get("/admin")
    assert (response.status_code, response.headers["location"]) == (308, "admin/")


async def test_word_of_success_is_one_of_the_gateways_own() -> None:
    pages = DashboardPages()
    assert "The pause has ended." in (await pages.get("/admin/?done=pause-ended")).text
    assert "Zzyzx" not in (await pages.get("/admin/?done=Zzyzx")).text


async def test_page_beyond_the_list_is_its_last() -> None:
    pages = DashboardPages()
    response = await pages.get("/admin/practices?page=7")
    assert (response.status_code, "harbour" in response.text) == (200, True)
    pages_read = [(query["offset"], query["limit"]) for _, query in pages.group.reads]
    assert pages_read == [("600", "100"), ("0", "100")]
