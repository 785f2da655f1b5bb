"""Channel of a process that is alone."""

import pytest

from gateway.stores.channel import NoChannel, first_problem


@pytest.mark.anyio
async def test_process_alone_misses_nothing() -> None:
    channel, received = NoChannel(), []
    channel.set_listener(received.append)
    await channel.publish(b"message")
    assert channel.is_current()
    assert received == []


class Dependency:
    def __init__(self, text: str) -> None:
        self._text = text

    async def problem(self) -> str:
        return self._text


@pytest.mark.anyio
@pytest.mark.parametrize(("texts", "problem"), [(("", ""), ""), (("", "b"), "b"), (("a", "b"), "a")])
async def test_first_problem_of_dependencies(texts: tuple[str, str], problem: str) -> None:
    assert await first_problem(*map(Dependency, texts)) == problem
    assert await NoChannel().problem() == ""
