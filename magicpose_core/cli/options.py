"""Options that several commands share: which weights, where they run."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, OutputError
from ..files import FilePlan, check_plan
from ..sizes import check_size
from ..weights.settings import DTYPE_NAMES, LoraFile, ModelFiles
from .setting_options import Names, add_settings, given

if TYPE_CHECKING:
    from ..pipeline import MagicPosePipeline


_FILES: Names = {"motion_module": "motion"}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`load` reads."""
    group = parser.add_argument_group("weights")
    group.add_argument(
        "--checkpoint",
        type=Path,
        help="the whole model (model_state-110000.th or converted), or the Stable Diffusion 1.5 "
        "that the parts below go with; default: the demo model of the package",
    )
    add_settings(group, ModelFiles, names=_FILES)
    group.add_argument(
        "--lora",
        action="append",
        type=parse_lora,
        metavar="FILE[:STRENGTH]",
        help="LoRA of Stable Diffusion 1.5 that is added to the U-Net, and its strength (1); may "
        "be repeated",
    )
    group = parser.add_argument_group("machine")
    group.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    group.add_argument(
        "--dtype",
        choices=DTYPE_NAMES,
        help="precision (default: the fastest; on a CPU by a measurement, made once and "
        "remembered, on GPUs bf16 where they multiply it in hardware, else fp16)",
    )


def positive(word: str) -> int:
    """Read a number of things for argparse, at least 1."""
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def add_force_option(parser: argparse.ArgumentParser) -> None:
    """Add the option without which nothing that is there is replaced."""
    parser.add_argument("--force", action="store_true", help="replace results that are there")


def check_files(plan: FilePlan) -> None:
    """Refuse before any work what would lose a file or could only fail after it.

    Raises:
        InputError: As ``check_plan`` says.
        OutputError: As ``check_plan`` says, with the option instead of the parameter.
    """
    try:
        check_plan(plan)
    except OutputError as error:
        raise OutputError(str(error).replace("set force", "add --force")) from error


def model_files(arguments: argparse.Namespace) -> ModelFiles:
    """Say where each sub-model comes from.

    Raises:
        InputError: No checkpoint is given and the package holds no demo model.
    """
    from ..demo.model import demo_checkpoint

    named: dict[str, Any] = given(arguments, ModelFiles, _FILES)
    return ModelFiles(
        checkpoint=arguments.checkpoint or demo_checkpoint(),
        loras=tuple(arguments.lora or ()),
        **named,
    )


def parse_lora(word: str) -> LoraFile:
    """Read ``FILE`` or ``FILE:STRENGTH`` for argparse; a colon before no number is the file's."""
    file, _, strength = word.rpartition(":")
    try:
        number = float(strength) if file else 1.0
    except ValueError:
        return LoraFile(file=Path(word))
    try:
        return LoraFile(file=Path(file or word), strength=number)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def use_real_cores() -> None:
    """Let networks run on one thread a real core, within a container's limits.

    A number of threads that the environment names stays as it is.
    """
    import torch

    from ..models.cores import threads_to_use

    threads = threads_to_use()
    if threads is not None:
        torch.set_num_threads(threads)


def load(arguments: argparse.Namespace) -> MagicPosePipeline:
    """Load the model where and how the options say."""
    from ..pipeline_loading import load_pipeline

    use_real_cores()
    return load_pipeline(model_files(arguments), device=arguments.device, dtype=arguments.dtype)


def parse_size(text: str) -> tuple[int, int]:
    """Read ``512`` or ``512x768`` as (width, height) in pixels.

    Raises:
        InputError: It is neither, no multiple of 64, or beyond all memory.
    """
    found = re.fullmatch(r"([0-9]{1,9})(?:x([0-9]{1,9}))?", text.strip())
    if not found:
        raise InputError(f"a size is 512 or 512x768 (width x height in pixels), got {text!r}")
    return check_size((int(found[1]), int(found[2] or found[1])))
