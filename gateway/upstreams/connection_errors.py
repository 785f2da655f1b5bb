"""Errors of a connection: the kind of failure, and its reason as a word from a closed list.

The words are safe in a log: neither an upstream nor a client can write them.
"""

import errno
import re
import ssl
from socket import gaierror

from gateway.errors import catalog
from gateway.errors.failure import FailureKind

#: Reason of a refused certificate by OpenSSL's verification code (X509_V_ERR_…).
_CERTIFICATE_REASONS = {
    9: "not-yet-valid",
    10: "expired",
    18: "self-signed",
    19: "self-signed-in-chain",
    20: "unknown-issuer",
    21: "unknown-issuer",
    23: "revoked",
    26: "wrong-purpose",
    62: "wrong-host",
    64: "wrong-host",
}
_KINDS_BY_ERRNO = {
    errno.ECONNREFUSED: catalog.UPSTREAM_REFUSED,
    errno.ETIMEDOUT: catalog.UPSTREAM_CONNECT_TIMEOUT,
}
#: What an exception of the transport says: a code of the gateway, and a reason or a proxy's status.
_TEXT = re.compile(r"([a-z0-9-]{1,64}) ([A-Za-z0-9-]{1,64})", re.ASCII)


def read_error_text(text: str) -> tuple[str, str]:
    """Return the code and the reason in the text of a transport's error; empty if it is another text."""
    match = _TEXT.fullmatch(text)
    return (match[1], match[2]) if match else ("", "")


def connection_problem(error: BaseException) -> tuple[FailureKind, str]:
    """Return the kind and the reason of an error before the request was sent: Python's or aiohttp's."""
    cause = getattr(error, "certificate_error", getattr(error, "os_error", error))
    number = getattr(cause, "errno", None) or 0
    if isinstance(cause, TimeoutError) and not number:
        return catalog.UPSTREAM_CONNECT_TIMEOUT, "no-reply"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return catalog.UPSTREAM_CERTIFICATE, certificate_reason(cause)
    if isinstance(cause, gaierror):
        return catalog.UPSTREAM_UNKNOWN_HOST, "name-not-resolved"
    if isinstance(cause, ssl.SSLError):
        return _handshake_problem(cause)
    reason = errno.errorcode.get(number, "closed" if isinstance(cause, ConnectionError) else "unknown")
    return _KINDS_BY_ERRNO.get(number, catalog.UPSTREAM_CONNECT), reason


def certificate_reason(error: BaseException) -> str:
    """Return why the gateway does not trust a certificate."""
    return _CERTIFICATE_REASONS.get(getattr(error, "verify_code", 0), "not-trusted")


def _handshake_problem(error: ssl.SSLError) -> tuple[FailureKind, str]:
    """Return the problem of a TLS handshake: an upstream that closed the connection may be restarting."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return catalog.UPSTREAM_CONNECT, "closed"
    return catalog.UPSTREAM_TLS, _tls_reason(error.reason)


def _tls_reason(reason: str | None) -> str:
    """Return OpenSSL's own constant for a failed handshake, such as `wrong-version-number`."""
    return reason.lower().replace("_", "-") if reason else "handshake"
