"""Kind of failure of a search that an issue of a pack refuses."""

from gateway.errors.failure import FailureKind, RetryAdvice

PACK_REFUSAL = FailureKind(
    "pack-refusal",
    400,
    "required",
    "The upstream is known not to serve this search in this form. It was not sent. Change the parameter that"
    " `expression` names.",
    retry_advice=RetryAdvice.AFTER_CHANGE,
    may_have_run=False,
)
