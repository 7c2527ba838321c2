"""The command line, ``mosaicreid ...``: each command group adds its own parser; errors are one line, status 2."""

import argparse
import sys
from collections.abc import Sequence

from mosaicreid import __version__
from mosaicreid.commands import add_commands
from mosaicreid.errors import InputError


def build_parser() -> argparse.ArgumentParser:
    """The whole parser, with every command group."""
    parser = argparse.ArgumentParser(
        prog="mosaicreid",
        description="Which pedestrian attributes matter for re-identification? A reproduction of MoSAIC-ReID.",
    )
    parser.add_argument("--version", action="version", version=f"mosaicreid {__version__}")
    add_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 a check failed, 2 bad input, 130 interrupted)."""
    namespace = build_parser().parse_args(arguments)
    try:
        return int(namespace.run(namespace) or 0)
    except (InputError, OSError) as error:
        print(f"mosaicreid: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mosaicreid: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
