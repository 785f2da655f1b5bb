"""Forms of the dashboard."""

import re

from support.site_json import GUID, PAUSE, site_json

from gateway.admin.dashboard.forms import (
    pause_button,
    purge_confirmation,
    purge_form,
    reset_button,
    sign_in_form,
    sign_out_button,
)

TOKEN = "f0" * 32
EVIL = '"><script>'


def test_purge_at_a_mount_is_asked_for_as_done() -> None:
    site = site_json() | {"site": f"mnt/{GUID}", "name": "mnt/harbour"}
    html = purge_confirmation(site, {"type": "", "patient": ""}, "../", TOKEN)
    assert f"<strong>harbour</strong> (<code>{GUID}</code>), at all upstreams, will be removed" in html
    assert f'name="site" value="{GUID}"' in html


def test_each_form_posts_with_the_token_of_its_session() -> None:
    purge = {"type": "Patient", "patient": "1"}
    forms = (
        pause_button(PAUSE, "../", TOKEN),
        purge_form("../", TOKEN),
        purge_form("../", TOKEN, GUID),
        purge_confirmation(site_json(), purge, "../", TOKEN),
        reset_button(GUID, "../", TOKEN),
        sign_in_form("../", TOKEN),
        sign_out_button("../", TOKEN),
    )
    for html in forms:
        assert re.findall(r'<form method="(\w+)" action="\.\./admin/[a-z/-]+"', html) == ["post"]
        assert html.count(f'name="form-token" value="{TOKEN}"') == 1


def test_button_names_its_pause() -> None:
    html = pause_button(PAUSE, "../", TOKEN)
    assert 'name="pause" value="site:quota"' in html
    assert f'aria-label="End pause quota of {GUID}"' in html


def test_confirmation_says_what_goes_without_the_id() -> None:
    purge = {"type": "Patient", "patient": "Zzyzx"}
    html = purge_confirmation(site_json(), purge, "../", TOKEN)
    assert "All responses of type Patient that may concern the patient that you have named" in html
    assert html.count("Zzyzx") == html.count('name="patient" value="Zzyzx"') == 1
    assert "All responses at practice" in purge_confirmation(
        site_json(), {"type": "", "patient": ""}, "../", TOKEN
    )


def test_values_are_escaped() -> None:
    pause = PAUSE | {"pause": EVIL, "caller": EVIL, "rule": EVIL}
    purge = {"type": EVIL, "patient": EVIL}
    confirmation = purge_confirmation(site_json(EVIL), purge, "../", EVIL)
    html = pause_button(pause, "../", EVIL) + purge_form("../", EVIL, EVIL) + confirmation
    assert "<script" not in html + sign_in_form("../", EVIL, EVIL)
