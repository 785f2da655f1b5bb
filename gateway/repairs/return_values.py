"""Return values of rewritten commands: sent as outputs, and given back to the client as what it asked for."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from gateway.exchange import FhirResponse
from gateway.sql.result import with_return_value
from gateway.thread_switching import frequent_switches

#: Size in bytes of a result that is searched in the event loop: some milliseconds of any JSON.
_MAX_INLINE: Final = 8_192


class ReturnValues:
    """Searches one large result at a time, in a thread of its own: they delay nothing but each other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sql-result")

    async def restore(self, response: FhirResponse, name: str) -> FhirResponse:
        """Return a response whose output of this name is a return value; itself if there is none."""
        body = response.body
        if not name:
            return response
        if len(body) <= _MAX_INLINE:
            new = with_return_value(body, name)
        else:
            with frequent_switches():
                loop = asyncio.get_running_loop()
                new = await loop.run_in_executor(self._thread, with_return_value, body, name)
        return response if new is body else response.replace(body=new)
