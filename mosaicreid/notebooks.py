"""What a notebook does first: refuse parameters that it does not know."""

import ast
from collections.abc import Mapping

from mosaicreid.errors import InputError, one_of

INJECTED = "# Parameters"
PATHS = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")  # set by papermill itself under --inject-paths


def check_parameters(namespace: Mapping[str, object], /, **known: type) -> None:
    """Refuse an unknown or mistyped parameter; the first call after a notebook's cell tagged ``parameters``.

    ``check_parameters(globals(), dataset=str, seed=int)`` names every parameter with its type. papermill only logs a
    warning for a misspelt ``-p`` and runs on with the default, so the names are read from the cell that it injects
    (it starts with ``# Parameters``) in IPython's history ``In``. Running the notebook by hand, once or again,
    injects nothing and passes.

    Args:
        namespace: the notebook's ``globals()``.
        known: the type of every parameter; an int is accepted where a float is wanted, a bool only where a bool is.

    Raises:
        InputError: a name that papermill set is not in ``known``, a known parameter is not set at all, or its value
            has another type.
    """
    history = namespace.get("In")
    for source in history if isinstance(history, list) else []:
        for name in _assigned(source) if source.startswith(INJECTED) else []:
            if name not in known and name not in PATHS:
                raise one_of("parameter", name, known)
    for name, wanted in known.items():
        if name not in namespace:
            raise InputError(f"parameter {name!r} is not set; expected a default in the cell tagged 'parameters'")
        value = namespace[name]
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise InputError(
                f"parameter {name!r} is {value!r} ({type(value).__name__}); expected {wanted.__name__}"
                f"{f' (papermill: -r {name} TEXT passes text as it stands)' if wanted is str else ''}"
            )


def _assigned(source: str) -> list[str]:
    """The names that the top level of a cell assigns, in order."""
    assignments = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    return [target.id for node in assignments for target in node.targets if isinstance(target, ast.Name)]
