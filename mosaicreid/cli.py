"""The command line, ``mosaicreid ...``: each command group adds its own parser; errors are one line, status 2."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import requires

from mosaicreid import __version__
from mosaicreid.commands import add_commands
from mosaicreid.errors import InputError
from mosaicreid.files import check_space
from mosaicreid.signals import EndedBySignal, ending_by_signal


def build_parser() -> argparse.ArgumentParser:
    """The whole parser, with every command group."""
    parser = argparse.ArgumentParser(
        prog="mosaicreid",
        description="Which pedestrian attributes matter for re-identification? A reproduction of MoSAIC-ReID.",
    )
    parser.add_argument("--version", action="version", version=f"mosaicreid {__version__}")
    add_commands(parser.add_subparsers(dest="command", metavar="COMMAND", required=True))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 a check failed, 2 bad input or no extra, 130 interrupted,
    128 + the number of a signal that ended it)."""
    namespace = build_parser().parse_args(arguments)
    try:
        with ending_by_signal():
            # Before minutes of computing whose tables would have no place.
            check_space({folder: 0 for folder in (getattr(namespace, "results", None),) if folder})
            return int(namespace.run(namespace) or 0)
    except InputError as error:
        print(f"mosaicreid: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"mosaicreid: error: {InputError(f'{where}{error.strerror or error}')}", file=sys.stderr)
        return 2
    except EndedBySignal as error:
        print(f"mosaicreid: {error}; nothing half-written is left, the same command goes on", file=sys.stderr)
        return 128 + error.number
    except ModuleNotFoundError as error:
        extra = _extra_of(error.name)
        if extra is None:
            raise
        print(
            f"mosaicreid: error: {namespace.command} needs {error.name}, which the extra {extra!r} installs:"
            f" pip install 'mosaicreid[{extra}]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print("mosaicreid: interrupted", file=sys.stderr)
        return 130


def _extra_of(module: str | None) -> str | None:
    """The smallest extra that installs ``module``, as the package's metadata says; None for a module of no extra."""
    lines = [re.match(r"([\w.-]+).*; extra == ['\"](\w+)['\"]", line) for line in requires("mosaicreid") or ()]
    listed = [(line[2], re.sub(r"[.-]", "_", line[1])) for line in lines if line]
    sizes = Counter(extra for extra, _ in listed)
    return min((extra for extra, name in listed if name == module), key=lambda extra: sizes[extra], default=None)


if __name__ == "__main__":
    sys.exit(main())
