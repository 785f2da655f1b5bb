"""Which requests of browsers may read or change something: those that a page of the gateway itself began.

Browsers send Sec-Fetch-Site over https and to the own machine (Fetch Metadata Request Headers, W3C), and
Origin with each POST (Fetch Standard section 3.2). Both name who began the request, whatever the page says.
"""

from collections.abc import Mapping

_OWN_SITES = frozenset({"same-origin", "none"})


def may_read(fields: Mapping[str, str]) -> bool:
    """Whether a request may get a page: begun by the operator, a page of the gateway, or a link in any page.

    A link opens the page for the operator only: no other page can read it, or show it in a frame.
    """
    site = fields.get("sec-fetch-site", "none")
    is_link = fields.get("sec-fetch-mode") == "navigate" and fields.get("sec-fetch-dest") == "document"
    return site in _OWN_SITES or is_link


def may_change(fields: Mapping[str, str]) -> bool:
    """Whether a request comes from a form of the gateway's own pages.

    A proxy may send another Host than the browser, so that Origin counts only without Sec-Fetch-Site.
    """
    site = fields.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    _, separator, authority = fields.get("origin", "").partition("://")
    return bool(separator) and authority.lower() == fields.get("host", "").lower()
