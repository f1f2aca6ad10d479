"""The errors told to users: each says what was expected, what came and what to do.

Messages name parameters of Python; the command line and the nodes turn them into theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SWITCHED_ON = re.compile(r"\b(?P<name>[a-z_]+)=True\b")
_SUBJECT = re.compile(r"^(?P<name>[a-z]+)(?= (?:must|needs|belongs|is)\b)")
_WITH_UNDERSCORE = re.compile(r"(?<![\w./\\-])(?P<name>[a-z]+(?:_[a-z]+)+)(?![\w./\\-])")


class MagicPoseError(Exception):
    """Base of every error that is told to the user; the command line prints it in one line."""


class InputError(MagicPoseError, ValueError):
    """A picture, pose, video, number or setting is not what was asked for."""


class CheckpointError(MagicPoseError, ValueError):
    """A weight file is damaged, unsafe to read, or holds another model."""


class MissingDependencyError(MagicPoseError, ImportError):
    """An optional package or weight file is absent; the message says how to get it."""


class RunError(MagicPoseError, RuntimeError):
    """Work that had begun failed, and no input is at fault; the command line ends with 1."""


class OutOfMemoryError(RunError, MemoryError):
    """The device or the machine has no more memory."""


class NotFiniteError(RunError, ArithmeticError):
    """Networks gave NaN or infinity: a loss, a prediction, a decoded picture."""


class WorkerError(RunError):
    """A process that did a part of the work has ended."""


class OutputError(MagicPoseError, OSError):
    """A result could not be written; what was there before is still whole."""


def one_line(text: str, most: int = 160) -> str:
    """Cut text that comes from outside down to one line without control characters, for messages.

    Args:
        text: Any.
        most: Characters that are kept.
    """
    line = text.partition("\n")[0][:most]
    return line if line.isprintable() else ascii(line)[1:-1][:most]


def rename_parameters(message: str, names: Mapping[str, str]) -> str:
    """Put others' names in the place of the parameters that a message names.

    Args:
        message: Its parameters are words with an underscore, ``name=True``, or what it begins with.
        names: Parameter -> option of the command line or input of a node; other words stay.
    """

    def told(found: re.Match[str]) -> str:
        return names.get(found["name"], found[0])

    for pattern in (_SWITCHED_ON, _SUBJECT, _WITH_UNDERSCORE):
        message = pattern.sub(told, message)
    return message
