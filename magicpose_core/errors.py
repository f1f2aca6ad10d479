"""The errors a user can mend: each says what was expected, what came and what to do."""

from __future__ import annotations


class MagicPoseError(Exception):
    """Base of every error that the user can mend; the command line prints it in one line."""


class InputError(MagicPoseError, ValueError):
    """A picture, pose, video, number or setting is not what was asked for."""


class CheckpointError(MagicPoseError, ValueError):
    """A weight file is damaged, unsafe to read, or holds another model."""


class MissingDependencyError(MagicPoseError, ImportError):
    """An optional package or weight file is absent; the message says how to get it."""


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
