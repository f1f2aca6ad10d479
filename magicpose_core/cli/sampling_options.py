"""Options of sampling and of the text, and the settings that they make."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..sampling.settings import SamplingSettings
from .setting_options import add_settings, read_settings, refuse_idle


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`sampling_settings` reads, and those of the text."""
    group = parser.add_argument_group("sampling (defaults: the model's notes, else the paper's)")
    add_settings(group, SamplingSettings)
    group.add_argument("--prompt", help="text; the model was trained without any")
    group.add_argument("--negative-prompt", help="text of guidance's other half, in balance")
    group.add_argument("--tokenizer", type=Path, help="folder with vocab.json, needed for a text")


def sampling_settings(arguments: argparse.Namespace) -> SamplingSettings:
    """Return how a clip is sampled.

    Raises:
        InputError: A number is out of range, or an option would do nothing.
    """
    settings = read_settings(arguments, SamplingSettings)
    if settings.control_mode != "balance":
        refuse_idle(arguments, ("negative_prompt",), where="without --control-mode balance")
    if not (arguments.prompt or arguments.negative_prompt):
        refuse_idle(arguments, ("tokenizer",), where="without --prompt")
    return settings
