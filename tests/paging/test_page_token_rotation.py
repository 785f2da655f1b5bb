"""Rotation of keys over two replicas, step by step, in both orders of rollout."""

from itertools import pairwise

import pytest
from support.secrets import OTHER_SECRET, SECRET

from gateway.builders import cache_secrets, token_cipher
from gateway.cache.patient_tags import purge_tags
from gateway.paging.page_token import InvalidTokenError
from gateway.settings import Settings

OLD, BOTH, MOVED, NEW = (SECRET,), (SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET), (OTHER_SECRET,)
STEPS = [OLD, BOTH, MOVED]


def settings(keys: tuple[str, ...]) -> Settings:
    return Settings.model_validate({"paging": {"keys": keys}, "cache": {"keys": keys}})


def read_link(writer: tuple[str, ...], reader: tuple[str, ...]) -> bytes:
    """Read at one replica a page link of another."""
    link = token_cipher(settings(writer), "").encrypt(b"position", b"site")
    return token_cipher(settings(reader), "").decrypt(link, b"site")


def tags(keys: tuple[str, ...]) -> list[str]:
    """Tags of one patient by each secret that a replica with these keys purges; it stores under the first."""
    return [purge_tags("site", "", "1", secret)[0] for secret in cache_secrets(settings(keys))]


@pytest.mark.parametrize("first_is_writer", [True, False])
@pytest.mark.parametrize(("before", "after"), [*pairwise(STEPS)])
def test_links_and_purges_work_in_each_step_and_order(
    before: tuple[str, ...], after: tuple[str, ...], first_is_writer: bool
) -> None:
    writer, reader = (before, after) if first_is_writer else (after, before)
    assert read_link(writer, reader) == b"position"
    assert tags(writer)[0] in tags(reader)


def test_last_step_reads_all_links_made_since_the_second() -> None:
    assert read_link(MOVED, NEW) == read_link(NEW, MOVED) == b"position"


@pytest.mark.parametrize(("writer", "reader"), [(MOVED, OLD), (NEW, OLD), (BOTH, NEW), (OLD, NEW)])
def test_step_that_is_left_out_breaks_links_and_purges(
    writer: tuple[str, ...], reader: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidTokenError):
        read_link(writer, reader)
    assert tags(writer)[0] not in tags(reader)


def test_number_of_keys_does_not_end_stored_responses() -> None:
    from gateway.builders import _configuration_version

    assert len({_configuration_version(settings(keys), "") for keys in (OLD, BOTH, MOVED, NEW)}) == 1
