from gateway.emulator.halo_itsm.data import FIELDS_LIKE_ERRORS, make_tables


def test_records_depend_on_seed_only() -> None:
    assert make_tables(1, 30) == make_tables(1, 30)
    assert make_tables(1, 30)["tickets"] != make_tables(2, 30)["tickets"]


def test_every_table_is_numbered_from_one() -> None:
    for name, table in make_tables(1, 30).items():
        assert list(table) == [record["id"] for record in table.values()] == list(range(1, len(table) + 1))
        assert table or name in {"actions", "attachment"}


def test_fields_of_tickets_look_like_every_error_form() -> None:
    tickets = make_tables(1, 20)["tickets"]
    for number, fields in FIELDS_LIKE_ERRORS.items():
        assert fields.items() <= tickets[number].items()
    names = {name for fields in FIELDS_LIKE_ERRORS.values() for name in fields}
    assert names >= {"status", "message", "error", "errorMessage", "statusCode", "Message", "resultCode"}


def test_addresses_are_of_example_domains() -> None:
    tables = make_tables(1, 1)
    people = [*tables["agent"].values(), *tables["users"].values()]
    assert all(person["emailaddress"].endswith("example.com") for person in people)
