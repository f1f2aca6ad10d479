"""The command ``magicpose``: one parser, one file a command, errors in one line."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import MagicPoseError

COMMANDS = (
    "demo",
    "generate",
    "detect",
    "align",
    "inspect",
    "convert",
    "dancers",
    "train",
    "evaluate",
    "bench",
)
MISTAKEN, INTERRUPTED = 2, 130  # 2 is argparse's too, for wrong usage


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: The words behind ``magicpose``; None takes the process's.

    Returns:
        The exit code: 0, 2 for an error the user can mend, 130 after Ctrl-C.
    """
    logging.basicConfig(level=logging.WARNING, format="magicpose: %(message)s")
    arguments = build_parser().parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except MagicPoseError as error:
        sys.stderr.write(f"magicpose {arguments.command}: {error}\n")
        return MISTAKEN
    except KeyboardInterrupt:
        sys.stderr.write(f"magicpose {arguments.command}: stopped; nothing half-written is left\n")
        return INTERRUPTED
    return code


def build_parser() -> argparse.ArgumentParser:
    """Build the parser with all commands; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog="magicpose",
        description="The same person in new poses (MagicPose, arXiv 2311.12052).",
    )
    parser.add_argument("--version", action="version", version=f"magicpose {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f".{name}", __package__).add_parser(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
