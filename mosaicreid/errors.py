"""The one exception for bad input."""

import re

# Line breaks and other control characters, which names in files and on command lines may hold.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class InputError(ValueError):
    """Bad input from a user: a one-line message that names what was got, what was expected and the likely cause.

    The command line prints the message alone and exits with status 2; anything else that escapes is a bug. The message
    is one line whatever it quotes: control characters become spaces.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_CONTROL.sub(" ", message))


def one_of(what: str, got: object, expected: object) -> InputError:
    """An InputError saying that ``got`` is not among the ``expected`` values of ``what``."""
    listed = ", ".join(str(value) for value in expected)  # type: ignore[attr-defined]
    return InputError(f"unknown {what} {got!r}; expected one of: {listed}")
