"""Kinds of Halo's refusals: of the request, the key, the address, the site, and of one more query today.

Sources: Halo's troubleshooting guide (newer and older edition), its OpenAPI file, Azure API Management.
"""

from gateway.errors.failure import Kind, Repeat

REQUEST_INCOMPLETE = Kind(
    "gateway-bad-query",
    400,
    "required",
    "The request lacks something Halo requires, named in diagnostics. Add it.",
    repeat=Repeat.AFTER_CHANGE,
    sent=False,
)
NOT_AUTHORISED = Kind(
    "practice-not-authorised",
    403,
    "forbidden",
    "The practice has not enabled your integration in its practice software. Ask the practice to enable"
    " it, and send nothing until then; your key is fine.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
REQUEST_REFUSED = Kind(
    "practice-refused",
    400,
    "processing",
    "The practice's FHIR service could not process the request. Correct it by the words in diagnostics.",
    repeat=Repeat.AFTER_CHANGE,
)
SITE_UNKNOWN = Kind(
    "site-unknown",
    404,
    "not-found",
    "This Halo GUID is inactive or not known in this environment. Check the GUID and the environment, then"
    " contact Halo support.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
IP_BLOCKED = Kind(
    "upstream-ip-blocked",
    403,
    "forbidden",
    "Halo does not accept the address the gateway calls from. The gateway's operator should ask Halo"
    " support to allow it.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
OWN_IP_BLOCKED = Kind(
    "upstream-ip-blocked",
    502,
    "security",
    "Halo does not accept the address the gateway calls from. Nothing is wrong with your request; the"
    " gateway's operator should ask Halo support to allow the address.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
DEVELOPER_LICENCE = Kind(
    "site-developer-licence",
    403,
    "forbidden",
    "The practice software has a developer licence, which production refuses. Use the Stage environment, or a"
    " practice with a full licence.",
    repeat=Repeat.AFTER_FIX,
    sent=False,
)
NOT_AUTHORITATIVE = Kind(
    "site-not-authoritative",
    403,
    "forbidden",
    "This Halo GUID is not the practice's authoritative one any more. Fetch the practice's GUID again and use"
    " that.",
    repeat=Repeat.ONCE,
    sent=False,
)
QUOTA = Kind(
    "upstream-quota",
    429,
    "throttled",
    "The daily query or bandwidth quota is used up. It refills at the time given in Retry-After; ask"
    " Halo for a higher one if that is too little.",
    repeat=Repeat.YES,
    retry_after=3_600,
    sent=False,
)
OPERATION_UNKNOWN = Kind(
    "operation-not-found",
    404,
    "not-supported",
    "Halo offers nothing at this URL. Check the path; the CapabilityStatement lists the interactions.",
    message="MSG_UNKNOWN_OPERATION",
    sent=False,
)
