"""What an upstream said of its own: no spelling of the request's words is left in its text."""

import html
import json
import re
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cpu_time import least_cpu_seconds
from support.requests import fhir_request

from gateway.exchange import FhirRequest
from gateway.upstreams.own_words import MAX_REQUEST_LENGTH, REPEATED, OwnWords, own_words

PHRASE = "network-related or instance-specific, try again in 24 hours"


def requests_with(text: str) -> dict[str, FhirRequest]:
    """Requests that contain a text in one place and spelling each."""
    resource = {"resourceType": "Basic", "code": {"text": text}}
    escaped = "".join(f"\\u{ord(char):04x}" if char.isalpha() else char for char in json.dumps(text)[1:-1])
    return {
        "name": fhir_request(query=f"{quote(text)}=1"),
        "value": fhir_request(query=f"family={quote(text)}"),
        "value as sent": fhir_request(query=f"family={text}"),
        "value encoded twice": fhir_request(query=f"family={quote(quote(text))}"),
        "every letter encoded": fhir_request(query="family=" + "".join(f"%{ord(c):02x}" for c in text)),
        "form": fhir_request("Patient/_search", method="POST", form=f"family={quote(text)}"),
        "path": fhir_request("Patient/x").replace(path=f"Patient/{text}"),
        "header": fhir_request(headers=(("user-agent", text),)),
        "body": fhir_request("Patient", method="POST", body=json.dumps(resource).encode()),
        "body escaped": fhir_request("Patient", method="POST", body=f'{{"a":"{escaped}"}}'.encode()),
        "body as html": fhir_request("Patient", method="POST", body=f'{{"a":"{entities(text)}"}}'.encode()),
        "upper case": fhir_request(query=f"family={quote(text.upper())}"),
        "full width": fhir_request(query=f"family={quote(full_width(text))}"),
        "accents": fhir_request(query=f"family={quote(text.replace('e', 'é').replace('a', 'á'))}"),
        "soft hyphens": fhir_request(query=f"family={quote(chr(0xAD).join(text))}"),
        "plain letters": fhir_request(query=f"family={quote(text.translate(STROKES))}"),
        "html twice": fhir_request(
            "Patient", method="POST", body=f'"{entities(text).replace("&", "&amp;")}"'.encode()
        ),
        "comments": fhir_request(
            "Patient",
            method="POST",
            body=f'"{text.replace("e", "e/*x*/").replace("o", "o<!-- > -->")}"'.encode(),
        ),
        "tags": fhir_request("Patient", method="POST", body=f'"{text.replace("e", "e<b></b>")}"'.encode()),
    }


#: Letters that SQL Server converts to l, d, t and i.
STROKES = str.maketrans("ldti", "\u0142\u0111\u0167\u0131")


def entities(text: str) -> str:
    return "".join(f"&#{ord(char)};" if char.isalpha() else html.escape(char) for char in text)


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def filing(text: str, document: bytes, note: str = "") -> FhirRequest:
    """A request whose body has a document beside a short text."""
    body = b'{"text": "%b", "value": "%b", "note": "%b"}' % (text.encode(), document, note.encode())
    return fhir_request("Patient", method="POST", body=body)


DOCUMENTS = {
    "base64": b64encode(bytes(range(256)) * 45_000),
    "hexadecimal": b"0x" + b"00ff" * 3_000_000,
    "literal in SQL": b"SET @Content = 0x"
    + b"00ff" * 3_000_000
    + b";\\nEXECUTE [dbo].[FileDocument] @Content;",
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_document_in_a_request_hides_no_own_words(kind: str) -> None:
    sentence, request = "Site cannot be reached, about Quellenhof", filing("Quellenhof", DOCUMENTS[kind])
    assert own_words(sentence, request) == f"Site cannot be reached, about {REPEATED}"
    assert least_cpu_seconds(lambda: own_words(sentence, request), 0.1) < 0.1


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_part_of_a_document_is_never_an_own_word(kind: str) -> None:
    part = DOCUMENTS[kind][100:140].decode()
    assert own_words(f"unreadable {part}", filing("x", DOCUMENTS[kind])) == f"unreadable {REPEATED}"


def test_long_text_with_spaces_leaves_no_own_words() -> None:
    assert own_words("Site cannot be reached", filing("x", b"", "some words " * 3_000)) == ""
    assert own_words("Site cannot be reached", filing("x", DOCUMENTS["base64"], "some words " * 3_000)) == ""


@pytest.mark.parametrize("separator", [" ", '","', '"," '])
def test_body_of_very_many_documents_takes_milliseconds(separator: str) -> None:
    request = filing(separator.join(["A" * 4_000] * 4_000), b"")
    assert own_words("Site cannot be reached", request) == ""
    assert least_cpu_seconds(lambda: own_words("Site cannot be reached", request), 0.1) < 0.1


def test_body_of_very_many_strings_leaves_no_own_words() -> None:
    assert own_words("Site cannot be reached", filing('","' * 40_000, b"")) == ""


@pytest.mark.parametrize("place", requests_with(PHRASE))
def test_repeated_words_are_gone_in_any_spelling(place: str) -> None:
    text = own_words(f"Unknown argument: {PHRASE}; was ignored", requests_with(PHRASE)[place])
    assert not {"network", "related", "instance", "specific", "again", "hours"} & set(text.split())
    assert "network-related" not in text
    assert text.startswith("Unknown argument: ")
    assert text.endswith("; was ignored")


@pytest.mark.parametrize(
    "word", ["authoritative", "Xauthoritative", "authoritativeX", "PatientAuthoritative", "authoritat"]
)
def test_repeated_part_of_a_word_takes_the_word(word: str) -> None:
    assert own_words(f"see {word} here", fhir_request(query="x=authoritative")) == "see … here"


def test_words_in_several_parameters_are_gone() -> None:
    request = fhir_request(query="quota=1&offline=2&x=login&y=9kb")
    assert own_words("Out of quota (9kb), offline: login", request) == "Out of … (…), …: …"


@pytest.mark.parametrize(
    "quotation",
    [
        *(
            "'{}'",
            "'a' {} 'b'",
            '"{}"',
            "`{}`",
            "\u201c{}\u201d",
            "\u2018{}\u2019",
            "\u00ab{}\u00bb",
            "'{}\n'",
        ),
        *(
            "'{}",
            "N'{}'",
            "&#39;{}&#39;",
            "({})",
            "[{}]",
            "\u201e{}\u201c",
            "\u2039{}\u203a",
            "\uff07{}\uff07",
        ),
        *("\u00b4{}\u00b4", "'{}'x", "<{}>", "{{{}}}"),
    ],
)
def test_quoted_value_of_another_client_is_gone(quotation: str) -> None:
    text = f"Conversion failed when converting {quotation.format(PHRASE)} to int."
    own = own_words(text, fhir_request())
    assert own.startswith("Conversion failed when converting …")
    assert not {"network", "again", "hours"} & set(re.findall(r"\w+", own))


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "(a) Login failed for user (b)",
        "a) Login failed for user (b",
        "8mb) Login failed for user",
        "8mb) Login failed for user (8mb",
        "((a) Login failed for user (b))",
    ],
)
def test_value_in_brackets_is_gone_with_its_own_brackets(value: str) -> None:
    text = own_words(f"The duplicate key value is ({value}).", fhir_request())
    assert text == f"The duplicate key value is {REPEATED}."


COMMAND = (
    b'{"command":{"executionMode" : "nonQuery","text":"SELECT 1","type":"storedProcedure", "parameters":'
    b'[{"name":"@a","direction":"input","type":"DateTime","value":"reader","size":3}]},"maxTimeInQueue":1}'
)


def test_documented_names_and_constants_of_sql_are_own_words() -> None:
    request = fhir_request("Patient", method="POST", body=COMMAND)
    sentence = "Execution of the command: input of type DateTime, size and direction of the stored procedure"
    assert own_words(sentence, request) == sentence


@pytest.mark.parametrize("word", ["reader", "SELECT"])
def test_value_of_a_client_is_no_constant_of_sql(word: str) -> None:
    request = fhir_request("Patient", method="POST", body=COMMAND)
    assert own_words(f"see {word} here", request) == f"see {REPEATED} here"


@pytest.mark.parametrize(
    "text",
    [
        "It isn't possible: the site's offline",
        "Site cannot be contacted. Site is offline.",
        "Query took more than 30 seconds to return a result",
        "Access denied due to invalid subscription key.",
        "The practice being queried is non-authoritative.",
        "Login failed for user",
        "Results were too large. Immediate query results beyond message size limit (8mb)",
    ],
)
def test_own_sentence_stays_whole(text: str) -> None:
    headers = (("ocp-apim-subscription-key", "4f1d9c"), ("accept", "application/fhir+json"))
    request = fhir_request(query="patient=12&date=ge2026-05-04&_count=30&status=booked", headers=headers)
    assert own_words(text, request) == text


def test_words_of_a_request_are_collected_once_for_many_texts() -> None:
    """A searchset may contain many issues, and a request many words."""
    query = "&".join(f"p{number}={'x' * 60}{number}" for number in range(190))
    words = OwnWords(fhir_request(query=query))
    messages = [f"Argument is not supported: p{number}={'x' * 60}{number}" for number in range(200)]
    assert least_cpu_seconds(lambda: [words.of(message) for message in messages], 0.2) < 0.2
    assert words.of(messages[7]) == "Argument is not supported: …=…"


@pytest.mark.parametrize("text", ["a" * 1_000, "ab" * 500, " ".join(f"w{n}ords" for n in range(150))])
def test_large_request_and_text_take_milliseconds(text: str) -> None:
    request = fhir_request("Patient", method="POST", body=b"a" * (MAX_REQUEST_LENGTH - 100))
    assert least_cpu_seconds(lambda: own_words(text, request), 0.01) < 0.01


@given(st.text(min_size=4, max_size=40), st.text(max_size=20))
def test_no_long_word_of_a_value_is_left(value: str, around: str) -> None:
    request = fhir_request().replace(path=value)
    text = own_words(f"{around}{value}", request)
    assert not [word for word in value.split() if len(word) > 4 and word.isalpha() and word in text.split()]


def test_element_names_of_r4_are_no_words_of_the_client() -> None:
    body = b'{"resourceType":"Slot","type": {"data":1}, "quota": "x"}'
    request = fhir_request("Patient", method="POST", body=body)
    text = own_words("Type checking the data, a resource is Slot, quota", request)
    assert text == "Type checking the data, a resource is …, …"


def test_text_about_a_request_of_any_size_has_an_end() -> None:
    large = fhir_request("Patient", method="POST", body=b"x " * MAX_REQUEST_LENGTH)
    assert own_words("Site is offline", large) == ""
