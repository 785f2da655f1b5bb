"""Why a command goes up as the client sent it: a table, from which the documentation is generated."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a command is left alone."""

    NOT_NEEDED = "not-needed"
    CHARSET = "charset"
    JSON = "json"
    REPEATED_NAME = "repeated-name"
    SHAPE = "shape"
    COMPLEX = "complex"
    PROCEDURE_NAME = "procedure-name"
    PARAMETER_NAME = "parameter-name"
    REPEATED_PARAMETER = "repeated-parameter"
    RETURN_VALUES = "return-values"
    DIRECTION = "direction"
    INPUT_OUTPUT = "input-output"
    UNKNOWN_MEMBER = "unknown-member"
    TYPE = "type"
    SIZE = "size"
    PADDING = "padding"
    BINARY_ENCODING = "binary-encoding"
    XML_ENCODING = "xml-encoding"
    OPERANDS = "operands"
    NOT_PROVED = "not-proved"


#: Reason -> why, and what the client can do.
EXPLANATIONS = {
    Reason.NOT_NEEDED: (
        "The command is no stored procedure, or none of its inputs is one that Halo cannot convert."
    ),
    Reason.CHARSET: (
        "`Content-Type` names a charset other than UTF-8, in which Halo may read the body. Send JSON in"
        " UTF-8, and leave `charset` out."
    ),
    Reason.JSON: (
        "The body is not one JSON text in UTF-8 (RFC 8259, without a byte order mark). Send valid JSON."
    ),
    Reason.REPEATED_NAME: (
        "An object that describes the command names a member twice, or in other capitals than Halo does."
        " Name each member once, as Halo spells it."
    ),
    Reason.SHAPE: (
        "The command is not of the shape that Halo documents: one object `command` (or"
        " `registerCommand.command`), parameters as an array of objects, names and types as strings. Correct"
        " the command."
    ),
    Reason.COMPLEX: (
        "Without its strings, the body has over 256 KiB, the command over 2,100 parameters, or over 2,098"
        " beside those to declare, or a name over 2,048 bytes. Send fewer or shorter ones."
    ),
    Reason.PROCEDURE_NAME: (
        "The name of the procedure is not one of 1 to 4 parts, or over 500 characters. Name the procedure"
        " without its number, comments or braces."
    ),
    Reason.PARAMETER_NAME: (
        "A parameter's name is none of T-SQL (a letter, `_`, `#` or `$`, then up to 126 letters, digits,"
        " `_`, `@`, `#` or `$`). Name it as the procedure does."
    ),
    Reason.REPEATED_PARAMETER: "Two parameters have the same name, capitals aside. Name each parameter once.",
    Reason.RETURN_VALUES: "More than one parameter is a `returnValue`. Keep one of them.",
    Reason.DIRECTION: (
        "A parameter's direction is none of Halo's. Use input, output, inputOutput or returnValue."
    ),
    Reason.INPUT_OUTPUT: (
        "A parameter that Halo cannot convert is also an output, which a declared variable cannot be. Split"
        " it into an input and an output."
    ),
    Reason.UNKNOWN_MEMBER: (
        "A parameter that Halo cannot convert has a member that Halo does not document, which a declared"
        " variable would lose. Leave it out: name, direction, type, value and size are documented."
    ),
    Reason.TYPE: (
        "A parameter's type is none of Halo's, is missing, or cannot be written as a variable (Structured,"
        " Udt, Variant, Timestamp). Use another type, or write the command as text."
    ),
    Reason.SIZE: (
        "A parameter's `size` is smaller than its value, of which a part would be lost, or is below -1."
        " Leave `size` out, or correct it."
    ),
    Reason.PADDING: (
        "A Binary, Char or NChar is shorter than its `size`, or empty: the server would fill it up. Use"
        " VarBinary, VarChar or NVarChar."
    ),
    Reason.BINARY_ENCODING: (
        "A binary value is neither 0x with pairs of hexadecimal digits nor base64 (RFC 4648 section 4,"
        " padded, without white space). Send one of both."
    ),
    Reason.XML_ENCODING: (
        "An Xml value declares its encoding, which the server refuses in a text of Unicode. Leave the"
        " declaration out."
    ),
    Reason.OPERANDS: (
        "A text has so many NULs, halves of surrogate pairs or backslashes before line breaks that the"
        " server might not take an expression of that many parts (over 500). Write the command as text."
    ),
    Reason.NOT_PROVED: (
        "The text of the command, read back, does not give exactly its procedure, names and values. This is"
        " a defect of the gateway; please report it."
    ),
}


class UnsuitableError(Exception):
    """A command that is left alone, and why. It never holds a part of the command."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
