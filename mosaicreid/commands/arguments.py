"""What several commands read from the command line alike: whole numbers."""

import re
from argparse import ArgumentTypeError


def whole_number(text: str) -> int:
    """A whole number of at most twelve digits; which ones are allowed is said where it is used."""
    # Digits alone: int() also takes spaces, underscores, other scripts' digits and numbers without end.
    if not re.fullmatch(r"-?[0-9]{1,12}", text):
        shown = ascii(text if len(text) <= 40 else f"{text[:37]}...")
        raise ArgumentTypeError(f"{shown} is not a whole number; expected up to twelve digits like 42")
    return int(text)
