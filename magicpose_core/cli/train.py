"""``magicpose train``: the autoencoder, the base model, the paper's two stages, and motion."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import positive
from .terminal import say

if TYPE_CHECKING:
    from ..training.config import TrainingConfig

STAGES = ("vae", "base", "stage1", "stage2", "stage3")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "train",
        help="train the two stages and a motion module (and, for a model of one's own, the base "
        "and the autoencoder)",
        description="Train one stage. The same command goes on where the last checkpoint stands.",
    )
    parser.add_argument("stage", choices=STAGES, help="what to train")
    parser.add_argument("config", type=Path, help="TOML file with the settings")
    parser.add_argument(
        "--steps",
        type=positive,
        default=None,
        help="stop after this many steps instead of the file's",
    )
    parser.add_argument(
        "--try",
        dest="trial",
        action="store_true",
        help="do one step on random latents, say its time and memory, write nothing",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and export."""
    from ..training.config import read_config
    from ..training.run import train_stage

    is_main_process = os.environ.get("RANK", "0") == "0"  # the first process that torchrun started
    if is_main_process:
        logging.getLogger("magicpose").setLevel(logging.INFO)
    config = read_config(arguments.config)
    if arguments.trial:
        return _try(arguments.stage, config)
    on_step = _show if is_main_process else None
    exported = train_stage(arguments.stage, config, stop_at=arguments.steps, on_step=on_step)
    if exported is not None:
        say(str(exported))
    return 0


def _try(stage: str, config: TrainingConfig) -> int:
    from ..training.trial import try_step

    say(*str(try_step(stage, config)).split("\n"))
    return 0


def _show(steps_done: int, loss: float) -> None:
    if steps_done % 10 == 0:
        say(f"step {steps_done}: loss {loss:.4f}")
        sys.stdout.flush()
