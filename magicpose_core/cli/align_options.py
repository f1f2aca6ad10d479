"""Options of alignment that ``align`` and ``generate`` share."""

from __future__ import annotations

import argparse

from ..pose.retarget.settings import AlignSettings
from .pose_options import OF_ALL
from .setting_options import Names, add_settings, option_names, read_settings, refuse_idle

_NAMES: Names = {"strength": "align_strength", "limit": "align_limit"}


def add_align_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that :func:`align_settings` reads."""
    add_settings(group, AlignSettings, names=_NAMES, leave_out=OF_ALL)


def align_settings(arguments: argparse.Namespace) -> AlignSettings:
    """Return how poses are aligned."""
    return read_settings(arguments, AlignSettings, _NAMES)


def refuse_idle_alignment(arguments: argparse.Namespace) -> None:
    """Refuse options of alignment where nothing is aligned."""
    refuse_idle(arguments, option_names(AlignSettings, _NAMES, OF_ALL), where="without --align")
