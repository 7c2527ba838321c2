from mosaicreid.errors import InputError, one_of


def test_messages_are_one_line_whatever_they_quote() -> None:
    error = InputError("no file at a\nb\r\n\x1b[31mred\u2028end\tof it")
    assert str(error) == "no file at a b [31mred end of it"
    assert "\n" not in str(one_of("name", "a\nb", ["c\nd"]))


def test_messages_have_an_end_whatever_they_quote() -> None:
    message = str(InputError(f"got {'x' * 10_000}, expected y"))
    assert len(message) < 2100
    assert message.startswith("got xxx")
    assert message.endswith("xxx, expected y")
