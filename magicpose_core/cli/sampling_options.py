"""Options of sampling, and the settings that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import positive

if TYPE_CHECKING:
    from ..pipeline import SamplingConfig


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`sampling_config` reads, and those of the text."""
    group = parser.add_argument_group("sampling (defaults: the paper's)")
    group.add_argument("--steps", type=int, default=50, help="default: 50")
    group.add_argument("--guidance", type=float, default=7.0, help="1 turns it off (default: 7)")
    group.add_argument(
        "--control-mode",
        choices=("controlnet_important", "balance"),
        default="controlnet_important",
        help="what guidance leads away from: the model without appearance and pose (default), or "
        "with both and another text (balance)",
    )
    group.add_argument(
        "--scheduler",
        choices=("ddim", "dpm++2m", "dpm++2m_karras", "unipc", "euler", "euler_ancestral", "lcm"),
        default="ddim",
        help="ddim steps exactly as the authors do (default)",
    )
    group.add_argument("--eta", type=float, default=0.0, help="fresh noise of ddim, 0..1 (0)")
    group.add_argument("--seed", type=int, default=42, help="default: 42")
    group.add_argument(
        "--noise-per-frame", action="store_true", help="one noise a frame instead of one for all"
    )
    group.add_argument(
        "--reference-mean", action="store_true", help="the VAE's mean instead of a sample"
    )
    group.add_argument(
        "--noisy-reference",
        action="store_true",
        help="add the timestep's noise to the reference (models trained without wonoise)",
    )
    group.add_argument(
        "--frames-per-batch", type=positive, help="frames at a time (default: what memory allows)"
    )
    group.add_argument("--prompt", default="", help="text; the model was trained without any")
    group.add_argument("--negative", default="", help="text of the other half in balance")
    group.add_argument("--tokenizer", type=Path, help="folder with vocab.json, needed for a text")


def sampling_config(arguments: argparse.Namespace) -> SamplingConfig:
    """Return how a clip is sampled.

    Raises:
        InputError: A number is out of range.
    """
    from ..pipeline import SamplingConfig

    return SamplingConfig(
        steps=arguments.steps,
        guidance_scale=arguments.guidance,
        control_mode=arguments.control_mode,
        scheduler=arguments.scheduler,
        eta=arguments.eta,
        seed=arguments.seed,
        shared_noise=not arguments.noise_per_frame,
        sample_reference=not arguments.reference_mean,
        noisy_reference=arguments.noisy_reference,
        frames_per_batch=arguments.frames_per_batch,
    )
