"""What a log line tells of an exception: its type and places in the code, never its text or values."""

import traceback

#: Places of an exception in a log line: those nearest to the error.
_MAX_PLACES = 20


def exception_fields(error: BaseException) -> dict[str, object]:
    """Fields of a log line: the exception's type, and the file and line of each frame, outermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_PLACES:]
    places = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    return {"exception": type(error).__name__, "places": places}
