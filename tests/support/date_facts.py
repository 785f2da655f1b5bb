"""What a probe of a usual site proves: the site's clock in every column, right labels, times everywhere."""

from typing import Final

from gateway.dates.support import DateSearchSupport
from gateway.settings import SearchSupport

#: Facts of a probed site, as options of `DateSearchSupport`.
PROBED_FACTS: Final = {
    "column_time_zones": {("*", "*"): "site"},
    "label_meanings": {"*": "exact"},
    "date_precision": {("*", "*"): "frac"},
}
PROBED: Final = DateSearchSupport(**PROBED_FACTS)  # type: ignore[arg-type]
#: The same as settings; `last_updated_input` of the site says which labels are right.
PROBED_SUPPORT: Final = SearchSupport(
    column_time_zones={"*.*": "site"}, date_precision={"*.*": "frac"}, verified_by="probe 2026-11-28"
)
#: The same as settings of a site.
PROBED_SITE: Final = {"search": PROBED_SUPPORT, "last_updated_input": {"*": "ok"}}
