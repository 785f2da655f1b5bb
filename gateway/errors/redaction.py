"""Redaction of upstream error messages: phrases stay, personal data is replaced by `…`.

Integrators adjust their logic by phrases ("Login failed for user", "away on that date"). Redaction replaces
names, identifiers, numbers, addresses and keys inside them, and SQL statements completely. A capitalised
word stays only if it belongs to the vocabulary of error messages: an unknown word may be a surname.
"""

import re

MASK = "…"
#: Characters of a redacted message, and of the message that is read: limits on time and on the response.
_MAX_LENGTH, _MAX_INPUT_LENGTH = 300, 2_000

_SQL = re.compile(
    r"""\b(?:
      select\b[^.;]{0,2000}?\bfrom\b | select\s+(?:\*|top\b|distinct\b|@|\[|case\b|count\s*\(|\w+\s*,|\w+\.\w)
    | insert\s+into\b | update\s+\S+\s+set\b | delete\s+from\b | merge\s+(?:into\s+)?\S+\s+(?:as|using)\b
    | exec(?:ute)?\s+(?:@|\[|\w+\.\w|[a-z]{1,4}_\w) | declare\s+@ | set\s+@ | values\s*\(
    | with\s+\S+\s+as\s*\( | (?:create|alter|drop|truncate)\s+(?:table|view|proc\w*|function|database|index)\b
    | (?:where|having|and|or|on)\s+[\[\]\w."]+\s*(?:=|<|>|!|like\b|in\s*\(|between\b|is\s+(?:not\s+)?null)
    | (?:inner|left|right|full|cross|outer)\s+join\b
    ).*""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)

_QUOTED_TEXT = r"""
    (?:(?<!\w)|(?<=\b[NnXxBbEeUu]))'.*?(?:'(?!\w)|$)
  | "[^"]*(?:"|$) | `[^`]*(?:`|$) | “[^”]*(?:”|$) | \u2018.*?(?:\u2019(?!\w)|$) | «[^»]*(?:»|$)
  | \[+[^\]]*(?:\]+|$) | \{[^}]*(?:\}|$) | <[^>]*(?:>|$)
"""
_BRACKETED_TEXT = r"\((?!\d{1,4}\s?[kmg]b\))[^()]*[A-Z\d][^()]*(?:\)|$)"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"

#: (pattern, replacement): applied in this order, each to the whole text.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.VERBOSE | re.DOTALL), replacement)
    for pattern, replacement in (
        (_QUOTED_TEXT, MASK),
        (r"(?i:\b[a-z][a-z0-9+.-]{0,20}://\S+|\bwww\.\S+)", MASK),
        (r"[^\s@]{1,64}@[^\s@]{1,99}\.[^\s@]+", MASK),
        (r"(?:\b[A-Za-z]:\\|\\\\)\S+", MASK),
        (r"(?i:\bbearer\s+[\w.~+/=-]{12,})", MASK),
        (
            r"(?i)\b((?:\w*key|token|secret|password|pwd|sig|signature|authorization)\s*[:=]\s*)\S+",
            rf"\1{MASK}",
        ),
        (r"(?i)(\bfor\s+user\s+)(?!…)[^\s.,;:]+", rf"\1{MASK}"),
        (r"(\b[\w.:\-]{1,40}=)\s*[^\s&;,]+(?:\s+[A-Z][\w'\u2019-]*)*", rf"\1{MASK}"),
        (r"\b[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\b", MASK),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", MASK),
        (r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])(?<!\b\d\d:\d\d:\d\d)", MASK),
        (r"[+(]{0,2}\d(?:[\s().\-/]{0,3}\d){5,}", MASK),
        (_BRACKETED_TEXT, MASK),
        (r"\b([A-Z][A-Za-z]{2,63})/[A-Za-z0-9\-.]+", rf"\1/{MASK}"),
        (rf"(?i)\b\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\.?,?\s+\d{{2,4}}\b", MASK),
        (rf"(?i)\b{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{2,4}}\b", MASK),
        (r"\b\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}\b", MASK),
        (r"\b(?=\w{0,60}\d)(?=\w{0,60}[^\W\d_])\w{6,}", MASK),
        (r"\b(?=\S{0,60}[\d+/=])[\w+/=-]{16,}", MASK),
    )
)
_REPEATED_MASKS = re.compile(r"…(?:[\s,;:'\"]*…)+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_CAMEL_CASE_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

#: Words that stay although capitalised: words of error messages, protocols, databases and FHIR.
_WORDS = """
a aborted access account action active address admin administrator again all allergy allowed already an
and another any api application appointment are argument arguments arithmetic as at attachment attempt
authentication author authorised authorization authorized away azure backup bad bandwidth be been bit
booked booking broken bundle busy but by byte calendar call caller can canceled cancelled cannot
capability care cast certificate change char check client clinic clinical closed cloud code codes column
command communication complete completed condition conflict conformance connect connection consent
constraint contact container content conversion convert converting cosmos could coverage create created
credentials current data database date datetime day db deadlock deadlocked delete deleted denied
description details developer device diagnostic diary did disabled division dns doctor document does down
driver due duplicate duplicated element empty encounter end ensure enterprise entity entry error errors
exceeded exception execute executed execution expired explicit extension external failed failure family
fatal fhir field file for forbidden foreign format found from function gateway general get given gone gp
group guid halo handshake has have header healthcare host hour html http https id identifier if ihi
immediate immunization import in inactive incorrect index info information inner input insert instance
insufficient int integration integrator internal invalid io ip is issue it item json key kind language
late later length licence license limit line link list location lock locked log login long make malformed
mandatory many match maximum may medicare medication message method microsoft minute minutes missing more
mssql must name net network new no not now null number nurse nvarchar object observation occured occurred
odbc of offline old on once only operation option or order organisation organization orphaned other out
outcome overflow page parameter parameters parse path patient payload pending per permission person phone
plan please policy pool post practice practitioner precondition prep prepare preparing primary problem
procedure process processing product properties property protocol provide provided provider proxy put
queries query questionnaire queue quota rate reached read record records reference referral refused
registered reject rejected related replenished report request requests required reset resource response
result resulted results retry return returned role rolling row rows same schedule schema search seconds
security see server servers service session should site size slot slow snapshot socket some sort source
specified sql ssl stage state statement status stored stream string structure subject subscription
succeeded success such supplied support supported syntax system table task tcp tenant terminology than
that the then there these this those through time timed timeout tls to token too took transaction
transport trigger truncated truncation trust try type unable unauthorised unauthorized unavailable
unexpected unhandled unique unknown unprocessable unreachable unsupported update upload uri url use used
user using validation value values varchar version view violation volume wait waiting was we were what
when which who why will window with would write xml you your zero zone
"""
_VOCABULARY = frozenset(_WORDS.split())


def redact(text: str) -> str:
    """Redact an upstream's message: `…` for all personal data, at most 300 characters."""
    plain = without_sql(text)
    for pattern, replacement in _RULES:
        plain = pattern.sub(replacement, plain)
    plain = _REPEATED_MASKS.sub(MASK, _WORD.sub(_redact_word, plain)).strip()
    return plain if len(plain) <= _MAX_LENGTH else plain[: _MAX_LENGTH - 1] + MASK


def without_sql(text: str) -> str:
    """Return the message on one printable line, cut where an SQL statement starts."""
    printable = "".join(char if char.isprintable() else " " for char in text[:_MAX_INPUT_LENGTH])
    line = " ".join(printable.split())
    return _SQL.sub(MASK, line)


def _redact_word(match: re.Match[str]) -> str:
    word = match[0]
    stem = word.partition("'")[0].replace("-", "")
    is_harmless = stem.islower() or all(
        part.lower() in _VOCABULARY for part in _CAMEL_CASE_PART.findall(stem)
    )
    return word if is_harmless and word.isascii() else MASK
