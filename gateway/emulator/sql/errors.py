"""Errors of SQL Server and SqlClient, with their documented numbers and texts."""

from typing import Final

_TEXTS: Final = {
    102: "Incorrect syntax near '{}'.",
    103: "The identifier that starts with '{}' is too long. Maximum length is 128.",
    105: "Unclosed quotation mark after the character string '{}'.",
    113: "Missing end comment mark '*/'.",
    119: "Must pass parameter number {} and subsequent parameters as '@name = value'. After the form "
    "'@name = value' has been used, all subsequent parameters must be passed in the form '@name = value'.",
    131: "The size ({}) given to the type '{}' exceeds the maximum allowed for any data type (8000).",
    134: "The variable name '{}' has already been declared. Variable names must be unique within a query "
    "batch or stored procedure.",
    137: 'Must declare the scalar variable "{}".',
    156: "Incorrect syntax near the keyword '{}'.",
    179: "Cannot use the OUTPUT option when passing a constant to a stored procedure.",
    191: "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into "
    "smaller queries.",
    201: "Procedure or function '{}' expects parameter '{}', which was not supplied.",
    241: "Conversion failed when converting date and/or time from character string.",
    245: "Conversion failed when converting the {} value '{}' to data type {}.",
    257: "Implicit conversion from data type {} to {} is not allowed. Use the CONVERT function to run this "
    "query.",
    402: "The data types {} and {} are incompatible in the add operator.",
    1001: "Line 1: Length or precision specification {} is invalid.",
    2715: "Column, parameter, or variable #1: Cannot find data type {}.",
    2717: "The size ({}) given to the type '{}' exceeds the maximum allowed ({}).",
    2739: "The text, ntext, and image data types are invalid for local variables.",
    2812: "Could not find stored procedure '{}'.",
    8114: "Error converting data type {} to {}.",
    8115: "Arithmetic overflow error converting expression to data type {}.",
    8143: "Parameter '{}' was supplied multiple times.",
    8144: "Procedure or function {} has too many arguments specified.",
    8145: "{} is not a parameter for procedure {}.",
    8162: 'The formal parameter "{}" was not declared as an OUTPUT parameter, but the actual parameter '
    "passed in requested output.",
    8169: "Conversion failed when converting from a character string to uniqueidentifier.",
    9402: "XML parsing: line 1, character {}, unable to switch the encoding",
}


class SqlServerError(Exception):
    """An error with SQL Server's number and text; number 0 is an error outside of SQL Server."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.message = message


class NotInterpreted(SqlServerError):  # noqa: N818 - says what the emulator does
    """The text is outside of the subset that the emulator executes."""

    def __init__(self, near: str) -> None:
        text = f"Incorrect syntax near '{near}'. The emulator does not execute this; SQL Server may."
        super().__init__(102, text)


class ParameterConversionError(SqlServerError):
    """SqlClient cannot convert a parameter's string to its type; nothing was sent to SQL Server."""

    def __init__(self, target: str, reason: str = "Input string was not in a correct format.") -> None:
        message = f"Failed to convert parameter value from a String to a {target}. --> {reason}"
        super().__init__(0, message)


class TextParametersRefused(SqlServerError):  # noqa: N818 - says what the emulator does
    """The emulator's variant in which a text command takes no parameters."""

    def __init__(self) -> None:
        super().__init__(0, "Parameters are not supported for a command of type text.")


class NotExecuted(Exception):  # noqa: N818 - not an error: the caller gives a fixed answer
    """The batch only reads, with a SELECT that the emulator does not execute."""


def sql_error(number: int, *details: object) -> SqlServerError:
    """Build the error with the documented text of its number."""
    return SqlServerError(number, _TEXTS[number].format(*details))
