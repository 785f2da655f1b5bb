"""Settings of SQL Passthrough."""

from typing import Literal

from pydantic import Field

from gateway.settings.base import ByteCount, Seconds, Section


class Sql(Section):
    """SQL Passthrough."""

    rewrite: Literal["off", "large", "binary-always"] = Field(
        "large",
        description="Which parameters of a stored procedure to declare in SQL text: `large` those that Halo"
        " cannot convert, `binary-always` also every other binary one, `off` none. The repair"
        " `sql-parameter-conversion` switches it per site.",
    )
    max_body: ByteCount = Field(
        16_000_000,
        description="Maximum size of a SQL query's body, in bytes: a document of 3 MB has 4 MB in base64.",
    )
    read_timeout_seconds: Seconds = Field(
        65.0,
        description="Maximum time without data from the upstream, in seconds, besides the query's"
        " maxTimeInQueue. Halo's own limit is 60.",
    )
    total_timeout_seconds: Seconds = Field(
        130.0, description="Maximum time of one upstream request, in seconds, with its time in the queue."
    )
