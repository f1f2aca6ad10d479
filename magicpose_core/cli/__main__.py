"""The command ``magicpose``: one parser, one file per command, errors in one line."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from .. import __version__
from ..errors import MagicPoseError, RunError
from .setting_options import in_options
from .signals import Ended, ending_signals_raised
from .terminal import complain, flush_stdout, log_to_stderr, printable, usable_streams

COMMANDS = (
    "demo",
    "generate",
    "batch",
    "detect",
    "align",
    "remote",
    "doctor",
    "inspect",
    "convert",
    "dancers",
    "train",
    "evaluate",
    "bench",
)
FAULT, MISTAKEN, INTERRUPTED, UNREAD = 1, 2, 130, 141  # 2 is argparse's too, for wrong usage


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: The words behind ``magicpose``; None takes the process's.

    Returns:
        The exit code: 0; 1 where no input is at fault (memory, a killed worker, the program); 2 for
        an error the user can mend; 130 after Ctrl-C, 143 and 129 after SIGTERM and SIGHUP; 141
        where nobody reads what is printed.
    """
    with usable_streams(), ending_signals_raised():
        log_to_stderr()
        try:
            arguments = build_parser().parse_args(words)
            debug: bool = vars(arguments).pop("debug")
        except SystemExit:  # --help, --version, wrong usage
            unprinted = _told_code(lambda: 0, "magicpose", debug=False)
            if unprinted:
                return unprinted
            raise
        return _told_code(
            lambda: arguments.run(arguments),
            f"magicpose {arguments.command}",
            debug=debug,
            options=vars(arguments),
        )


def build_parser() -> argparse.ArgumentParser:
    """Build the parser with all commands; nothing heavy is imported for it."""
    parser = _Parser(
        prog="magicpose",
        description="The same person in new poses (MagicPose, arXiv 2311.12052).",
    )
    parser.add_argument("--version", action="version", version=f"magicpose {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f".{name}", __package__).add_parser(subparsers)
    for command in subparsers.choices.values():
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error as well"
        )
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(_shortened(printable(message)))


_OTHER_NAMES = {"motion_module": "motion"}  # parameter -> the option that is named otherwise


def _told_code(
    run: Callable[[], int], command: str, *, debug: bool, options: Iterable[str] = ()
) -> int:
    """Run, and turn what is raised into one line and an exit code."""
    try:
        code = run()
        flush_stdout()
    except BrokenPipeError:
        return UNREAD
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last net; --debug shows all
        if debug:
            traceback.print_exc()
        line, code = _in_words(error)
        if isinstance(error, MagicPoseError):
            line = in_options(line, {name: name for name in options} | _OTHER_NAMES)
        complain(_shortened(f"{command}: {line}"))
        _flush_quietly()
    return code


def _in_words(error: BaseException) -> tuple[str, int]:
    if isinstance(error, MagicPoseError):
        return str(error), FAULT if isinstance(error, RunError) else MISTAKEN
    if isinstance(error, KeyboardInterrupt):
        code = error.exit_code if isinstance(error, Ended) else INTERRUPTED
        return "stopped; nothing half-written is left", code
    if isinstance(error, ModuleNotFoundError):
        extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
        advice = f"pip install 'magicpose[{extra}]'" if extra else "install it"
        return f"the package {error.name} is missing; {advice}", MISTAKEN
    if isinstance(error, MemoryError):
        return "out of memory; free some, or choose smaller sizes and fewer frames", FAULT
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror}", MISTAKEN
    told = f"{type(error).__name__}: {error}"[:_LONGEST]
    return (
        f"unforeseen {told}; this is a fault of magicpose: please report it, with what --debug "
        "shows besides",
        FAULT,
    )


def _shortened(line: str) -> str:
    """Leave the middle out of a line that repeats some overlong name or value."""
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} ... {line[-half:]}"


def _flush_quietly() -> None:
    try:
        flush_stdout()
    except OSError:
        return  # one line has been said already


_LONGEST = 800  # characters of a line
_EXTRA_OF = {
    **dict.fromkeys(("accelerate", "tensorboard", "matplotlib", "skimage", "tomli"), "train"),
    "ray": "cluster",
    **dict.fromkeys(("lpips", "torch_fidelity", "efficientnet_lite_pytorch"), "metrics"),
    **dict.fromkeys(("dlib", "face_recognition_models"), "faces"),
    **dict.fromkeys(("controlnet_aux", "timm", "torchvision", "onnxruntime"), "pose"),
}

if __name__ == "__main__":
    sys.exit(main())
