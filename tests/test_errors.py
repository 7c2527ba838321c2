from mosaicreid.errors import InputError, one_of


def test_messages_are_one_line_whatever_they_quote() -> None:
    error = InputError("no file at a\nb\r\n\x1b[31mred\u2028end\tof it")
    assert str(error) == "no file at a b [31mred end of it"
    assert "\n" not in str(one_of("name", "a\nb", ["c\nd"]))
