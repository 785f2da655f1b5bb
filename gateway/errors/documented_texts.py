"""Documented texts: sentences that vendors publish and that stay word for word.

`#` stands for a number of up to five digits, `#:#:#` for a duration. A text with a name or a value in the
middle is listed in two parts. Sources: Halo's troubleshooting guide and OpenAPI files, Azure API Management,
Health Gorilla's and HaloITSM's error pages, SQL Server, Firebird, .NET, Firely, RFC 9110.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

_TEXTS = """
Access denied due to missing subscription key. Make sure to include subscription key when making \
requests to an API
Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription
Access denied due to missing subscription key
Access denied due to invalid subscription key
Caller IP address
is not allowed. Access denied
Unable to match incoming request to an operation
Rate limit is exceeded. Try again in # seconds
Rate limit is exceeded
Rate limit exceeded
Out of call volume quota. Quota will be replenished in #:#:#
Out of bandwidth quota. Quota will be replenished in #:#:#
Out of call volume quota
Quota will be replenished in #:#:#
Out of bandwidth quota
Halo GUID must be provided
Halo GUID
Halo Link
Halo Cloud
Halo Connect
FHIR API
SQL Passthrough
Login failed for user
Could not find stored procedure
Invalid column name
Malformed SQL
Query was executed successfully but an error occurred preparing it to be uploaded, results were too large
Query was executed successfully but an error occurred preparing it to be uploaded
Query executed successfully but an error occurred preparing it for upload
Immediate query results beyond message size limit (#mb)
Immediate query results beyond message size limit
Immediate query results are larger than message size limit (#mb)
Immediate query results are larger than message size limit
The server cannot find the requested resource
Access to the target resource is permanently no longer available at the origin server
Failed to create query container in CosmosDB
The practice management software returned an unexpected result code
Site could not be contacted, please try again later or contact a system administrator
Site could not be contacted with no further information
Site could not be contacted
Site cannot be contacted. Site is currently unreachable
Site cannot be contacted. Site is offline
Site cannot be contacted
Site is currently unreachable
Query took more than # seconds to return a result
Client connection was unexpectedly closed
Error occured while establishing a connection to SQL Server
SQL query string cannot be null or void
Parameter conversion error (e.g. varchar to datetime)
Query was orphaned during upload or execution
Query missing properties
Request failed with status code PreconditionFailed
Failed to convert parameter value from a String to a Byte[]. --> Invalid cast from 'System.String' \
to 'System.Byte[]'
Please correct your request and try again
Implicit conversion fails if the byte array exceeds #,# bytes
Implicit conversion fails if the string exceeds #,# characters
Developer site is not allowed to access this resource
PMS developer licenses cannot be used with Halo Connect's production environment
Switch Halo Link to Stage, or use a fully-licensed PMS
The practice has not authorised the integration in their PMS database
The database has returned an error that is directly related to the content of the SQL query
Subscription key supplied by the integrator is invalid for the environment being queried
The Halo GUID being queried is inactive or not available in this environment
The query was sent from an unrecognised IP address
The practice being queried is non-authoritative
The endpoint URI used was invalid or malformed
Too many requests sent too quickly according to the integrator's rate limit
Generic error caused by various server-side issues
Connectivity issue between Halo Link and Halo Cloud
Datetime-based search parameters only accept the formats YYYY-MM-DD and YYYY-MM-DDThh:mm:ss
only accept the formats YYYY-MM-DD and YYYY-MM-DDThh:mm:ss
The FHIR API does not return inactive records
Unable to parse Resource URL
Details of error
is away on that date
Invalid token
This operations can be executed in asynchronous mode only
Subject validation failed
Invalid Request
Insufficient access rights to perform the operation
Tenant has no license to execute this method
rejected_www-request
method not allowed
Record with supplied ID2 already exists
Empty content attachment supplied
Supplied record duplicates the existing one.;Failed to create duplicate
Supplied record duplicates the existing one
Failed to create duplicate
Supplied performer is unknown
Supplied AuthorizedBy is unknown or cannot be used with the specified Author
Too many requests
Gateway Timeout
The FHIR endpoint on this server does not know how to handle
The 'patient' field is required
A resource with this identifier already exists
The current access token does not allow write access to this resource
could not be resolved
violated applicable FHIR profiles or server business rules
search could not be processed or failed basic FHIR validation rules
authorization is required for the interaction that was attempted
resource type not supported, or not a FHIR end-point
requests per second
RPS
concurrent p360 async processes
Rate Limit Reached - # Requests per rolling # minute window
invalid_client
invalid_grant
invalid_request
unauthorized_client
unsupported_grant_type
The requested resource does not exist
Conflict with the current state of the resource
Un-processable Entity
Request Timeout
Failed to create/update user
Argument is not supported
Search parameter
Resource type
A resource of type
Dynamic SQL Error
SQL error code = -#
Token unknown
Column unknown
Table unknown
Msg #, Level #, State #, Line #
Msg #, Level #, State #
Execution Timeout Expired. The timeout period elapsed prior to completion of the operation or the \
server is not responding
Timeout expired. The timeout period elapsed prior to completion of the operation or the server is \
not responding
Execution Timeout Expired
Connection Timeout Expired
Transaction (Process ID #) was deadlocked on lock resources with another process and has been chosen \
as the deadlock victim
was deadlocked on lock resources with another process and has been chosen as the deadlock victim. \
Rerun the transaction
Rerun the transaction
Lock request time out period exceeded
Violation of PRIMARY KEY constraint
Violation of UNIQUE KEY constraint
Cannot insert duplicate key in object
Cannot insert duplicate key row in object
The duplicate key value is
Cannot insert the value NULL into column
column does not allow nulls
The statement has been terminated
String or binary data would be truncated
Arithmetic overflow error converting expression to data type
Arithmetic overflow error converting
Conversion failed when converting date and/or time from character string
Conversion failed when converting the
The conversion of a varchar data type to a datetime data type resulted in an out-of-range value
The conversion of a nvarchar data type to a datetime data type resulted in an out-of-range value
Divide by zero error encountered
Invalid object name
Incorrect syntax near the keyword
Incorrect syntax near
Must declare the scalar variable
Unclosed quotation mark after the character string
The SELECT permission was denied on the object
The INSERT permission was denied on the object
The UPDATE permission was denied on the object
The DELETE permission was denied on the object
The EXECUTE permission was denied on the object
The INSERT statement conflicted with the FOREIGN KEY constraint
The UPDATE statement conflicted with the FOREIGN KEY constraint
The DELETE statement conflicted with the REFERENCE constraint
Cannot open database
requested by the login. The login failed
A network-related or instance-specific error occurred while establishing a connection to SQL Server
The server was not found or was not accessible
Verify that the instance name is correct and that SQL Server is configured to allow remote connections
A transport-level error has occurred when receiving results from the server
A connection was successfully established with the server, but then an error occurred during the \
login process
An existing connection was forcibly closed by the remote host
SQL Server
Object reference not set to an instance of an object
Value cannot be null
Input string was not in a correct format
Index was outside the bounds of the array
Response status code does not indicate success: #
Unexpected character encountered while parsing value
The type initializer for
threw an exception
Exception of type
was thrown
An error occurred while sending the request
A task was canceled
The operation was canceled
The operation has timed out
The request was canceled due to the configured HttpClient.Timeout of # seconds elapsing
Unknown search parameter
Unknown resource type
Invalid date/time format
Page not found
"""
_NUMBERS: Mapping[str, str] = {
    "#,#": r"[0-9]{1,2},[0-9]{3}",
    "#:#:#": r"(?:[0-9]{1,2}\.)?[0-9]{2}:[0-9]{2}:[0-9]{2}",
    "#": r"[0-9]{1,5}",
}
_FIRST_WORD = re.compile(r"\w+", re.ASCII)
_WORD_GOES_ON = re.compile(r"[\w'\u2019-]")


class _Template(NamedTuple):
    """A documented text in lower case, and its pattern if it contains numbers."""

    text: str
    pattern: re.Pattern[str] | None

    def end(self, text: str, start: int) -> int:
        """End of this text in another one; -1 if it does not stand there."""
        if self.pattern is None:
            return start + len(self.text) if text.startswith(self.text, start) else -1
        match = self.pattern.match(text, start)
        return match.end() if match else -1


def _template(text: str) -> _Template:
    parts = re.split("(#,#|#:#:#|#)", text.lower())
    regex = "".join(_NUMBERS.get(part, re.escape(part)) for part in parts)
    return _Template(text.lower(), re.compile(regex, re.ASCII) if len(parts) > 1 else None)


def _first_word(text: str, start: int = 0) -> str:
    """Word at a position of a text in lower case; empty if there is none."""
    match = _FIRST_WORD.match(text, start)
    return match[0] if match else ""


def _index_templates() -> Mapping[str, Sequence[_Template]]:
    """Templates by their first word, the longest text first."""
    texts = {*filter(None, _TEXTS.splitlines()), *(status.phrase for status in HTTPStatus)}
    index: dict[str, list[_Template]] = {}
    for template in map(_template, sorted(texts, key=len, reverse=True)):
        index.setdefault(_first_word(template.text), []).append(template)
    return index


_TEMPLATES = _index_templates()


def documented_end(text: str, start: int) -> int:
    """End of the documented text that begins at a word of a text in lower case; `start` if none does."""
    templates = _TEMPLATES.get(_first_word(text, start), ())
    ends = (template.end(text, start) for template in templates)
    return next((end for end in ends if end > start and not _WORD_GOES_ON.match(text, end)), start)
