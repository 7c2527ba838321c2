"""What several commands read from the command line alike: whole numbers, and lists of different things."""

import re
from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import Any


def whole_number(text: str) -> int:
    """A whole number of at most twelve digits; which ones are allowed is said where it is used."""
    # Digits alone: int() also takes spaces, underscores, other scripts' digits and numbers without end.
    if not re.fullmatch(r"-?[0-9]{1,12}", text):
        shown = ascii(text if len(text) <= 40 else f"{text[:37]}...")
        raise ArgumentTypeError(f"{shown} is not a whole number; expected up to twelve digits like 42")
    return int(text)


class Once(Action):
    """A list that holds nothing twice."""

    def __call__(
        self, parser: ArgumentParser, namespace: Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Keep ``values``, or refuse the first that is repeated."""
        chosen: Sequence[object] = list(values)
        for value in chosen:
            if chosen.count(value) > 1:
                raise ArgumentError(self, f"{value} is given more than once; expected each once")
        setattr(namespace, self.dest, chosen)
