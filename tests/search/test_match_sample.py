"""Sample of the matches of a page."""

import pytest
from search.test_merge import entry, page

from gateway.search.match_sample import MAX_CHECKED_MATCHES, sample_matches


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1000])
def test_sample_is_of_the_whole_page(count: int) -> None:
    entries = [entry(str(number)) for number in range(count)]
    bundle = page([*entries, entry("include", "include")]).with_parsed_bundle().bundle
    assert bundle is not None
    urls = [match.full_url for match in sample_matches(bundle)]
    assert urls[:1] == [item["fullUrl"] for item in entries[-1:]]
    assert len(urls) == len(set(urls)) <= MAX_CHECKED_MATCHES
    assert len(urls) >= min(count, MAX_CHECKED_MATCHES // 2)
