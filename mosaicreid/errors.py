"""The one exception for bad input."""


class InputError(ValueError):
    """Bad input from a user: a one-line message that names what was got, what was expected and the likely cause.

    The command line prints the message alone and exits with status 2; anything else that escapes is a bug.
    """


def one_of(what: str, got: object, expected: object) -> InputError:
    """An InputError saying that ``got`` is not among the ``expected`` values of ``what``."""
    listed = ", ".join(str(value) for value in expected)  # type: ignore[attr-defined]
    return InputError(f"unknown {what} {got!r}; expected one of: {listed}")
