"""A practice that goes on under a new Halo GUID: requests there, answers back under the GUID clients know."""

from typing import NamedTuple

from gateway.exchange import FhirRequest, FhirResponse


class Practice(NamedTuple):
    """What a practice keeps when its GUID changes: the id and product name of its practice software.

    `follow`: go on with the new GUID; else only say that there is one.
    """

    pms_id: str
    pms_name: str
    follow: bool = False


def at(request: FhirRequest, guid: str) -> FhirRequest:
    """The request to the same practice under another GUID."""
    old = request.site.guid if request.site else ""
    return request.changed(upstream_base=request.upstream_base.replace(f"/sites/{old}/", f"/sites/{guid}/"))


def back(response: FhirResponse, guid: str, known: str) -> FhirResponse:
    """The answer with its own URLs under the GUID that the client knows."""
    theirs, ours = f"/sites/{guid}/", f"/sites/{known}/"
    return response.changed(
        headers=tuple((name, value.replace(theirs, ours)) for name, value in response.headers),
        body=response.body.replace(theirs.encode(), ours.encode()),
    )
