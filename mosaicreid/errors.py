"""The one exception for bad input."""

import re

# Line breaks and other control characters, which names in files and on command lines may hold.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Far more than any message that quotes what a person wrote.
_LONGEST = 2000


class InputError(ValueError):
    """Bad input from a user: a one-line message that names what was got, what was expected and the likely cause.

    The command line prints the message alone and exits with status 2; anything else that escapes is a bug. The message
    is one line whatever it quotes: control characters become spaces, and of more than 2,000 characters the middle is
    left out.
    """

    def __init__(self, message: str) -> None:
        line = _CONTROL.sub(" ", message)
        if len(line) > _LONGEST:
            line = f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"
        super().__init__(line)


def one_of(what: str, got: object, expected: object) -> InputError:
    """An InputError saying that ``got`` is not among the ``expected`` values of ``what``."""
    listed = ", ".join(str(value) for value in expected)  # type: ignore[attr-defined]
    return InputError(f"unknown {what} {got!r}; expected one of: {listed}")
