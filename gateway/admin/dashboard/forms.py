"""Forms of the dashboard. Each has the token of its session; values never go into a URL."""

from typing import Any, Final

from markupsafe import Markup

from gateway.fhir.resource_types import RESOURCE_TYPES
from gateway.sites.mounted_names import guid_in, mount_in

#: Name of the field with the form's token.
TOKEN_FIELD: Final = "form-token"  # noqa: S105 - a name
# `%` where a page has a form per row: Markup.format costs several times as much.
_TOKEN_HTML = Markup('<input type="hidden" name="form-token" value="%s">')
_HIDDEN_HTML = Markup('<input type="hidden" name="%s" value="%s">')
_BUTTON_HTML = Markup(
    '<form method="post" action="{action}">{token}{hidden}<button{label}>{text}</button></form>\n'
)
_PURGE_HTML = Markup("""
<form method="post" action="{root}admin/purge/confirm" class="fields" autocomplete="off">
{token}{site}
<label for="purge-type">Resource type</label>
<select id="purge-type" name="type"><option value="">all types</option>{types}</select>
<label for="purge-patient">Patient id (optional)</label>
<input id="purge-patient" name="patient" maxlength="64" pattern="[A-Za-z0-9.\\-]*" spellcheck="false">
<button>Purge …</button>
</form>
<p class="note">Purged responses are fetched again, and billed, when they are asked for. You confirm on the
next page.</p>
""")
_SITE_HTML = Markup("""
<label for="purge-site">Practice (alias or GUID)</label>
<input id="purge-site" name="site" required maxlength="100" spellcheck="false">""")
_TYPES_HTML = Markup().join(Markup("<option>{}</option>").format(name) for name in sorted(RESOURCE_TYPES))
_CONFIRM_HTML = Markup("""<h1>Purge?</h1>
<p>{what} at practice <strong>{name}</strong> (<code>{guid}</code>){where} will be removed from the cache.</p>
<div class="fields">
{button}<a href="{root}admin/">Cancel</a>
</div>
""")
_SIGN_IN_HTML = Markup("""<h1>Sign in</h1>
{problem}<form method="post" action="{root}admin/sign-in" class="fields">
{token}
<input name="username" value="operator" autocomplete="username" hidden>
<label for="token">Admin token</label>
<input id="token" name="token" type="password" required autocomplete="current-password" autofocus>
<button>Sign in</button>
</form>
<p class="note">The token is the value of the setting <code>admin.token</code>. The session ends after eight
hours. If you have come from another site and are signed in already,
<a href="{root}admin/">open the dashboard</a>.</p>
""")
_PROBLEM_HTML = Markup('<p class="fail" role="alert">{}</p>\n')


def _button(action: str, text: str, token: str, fields: dict[str, str], label: str = "") -> Markup:
    hidden = Markup().join(_HIDDEN_HTML % field for field in fields.items())
    attribute = Markup(' aria-label="%s"') % label if label else Markup()
    return _BUTTON_HTML.format(
        action=action, token=_TOKEN_HTML % token, hidden=hidden, label=attribute, text=text
    )


def pause_button(pause: dict[str, Any], root: str, token: str, page: int = 0) -> Markup:
    """Return the button that ends a pause, and then shows this page of the list; 0: the first page of all."""
    label = f"End pause {pause['rule']} of {pause['caller'] or pause['site'] or pause['scope']}"
    fields = {"pause": pause["pause"]} | ({"page": str(page)} if page else {})
    return _button(f"{root}admin/pauses/end", "End pause", token, fields, label)


def reset_button(site: str, root: str, token: str) -> Markup:
    """Return the button that closes a practice's circuit and ends its pauses."""
    text = "Close the circuit and end all pauses"
    return _button(f"{root}admin/practices/reset", text, token, {"site": site})


def sign_out_button(root: str, token: str) -> Markup:
    """Return the button that ends the session in this browser."""
    return _button(f"{root}admin/sign-out", "Sign out", token, {})


def purge_form(root: str, token: str, site: str = "") -> Markup:
    """Return the form of a purge, at one practice or at any."""
    field = _HIDDEN_HTML % ("site", site) if site else _SITE_HTML
    return _PURGE_HTML.format(root=root, token=_TOKEN_HTML % token, site=field, types=_TYPES_HTML)


def purge_confirmation(site: dict[str, Any], purge: dict[str, str], root: str, token: str) -> Markup:
    """Return the question before a purge; the patient's id is in a hidden field only."""
    what = f"All responses of type {purge['type']}" if purge["type"] else "All responses"
    what += " that may concern the patient that you have named" if purge["patient"] else ""
    guid, mount = guid_in(site["site"]), mount_in(site["site"])
    name = site["name"].removeprefix(f"{mount}/") if mount else site["name"]
    where = ", at all upstreams," if mount else ""
    button = _button(f"{root}admin/purge/run", "Purge now", token, purge | {"site": guid})
    return _CONFIRM_HTML.format(what=what, name=name, guid=guid, where=where, button=button, root=root)


def sign_in_form(root: str, token: str, problem: str = "") -> Markup:
    """Return the form to sign in, with what was wrong with the last attempt."""
    shown = _PROBLEM_HTML.format(problem) if problem else Markup()
    return _SIGN_IN_HTML.format(root=root, token=_TOKEN_HTML % token, problem=shown)
