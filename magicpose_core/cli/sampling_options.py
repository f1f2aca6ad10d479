"""Options of sampling, and the settings that they make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import positive

if TYPE_CHECKING:
    from ..sampling.settings import SamplingSettings


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`sampling_settings` reads, and those of the text."""
    group = parser.add_argument_group("sampling (defaults: the paper's)")
    group.add_argument("--steps", type=int, default=50, help="default: 50")
    group.add_argument(
        "--guidance-scale", type=float, default=7.0, help="1 turns it off (default: 7)"
    )
    group.add_argument(
        "--control-mode",
        choices=("image_cfg", "balance"),
        default="image_cfg",
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
        "--shared-noise",
        type=float,
        default=1.0,
        help="share of the initial noise common to all frames, 0..1 (1)",
    )
    group.add_argument(
        "--reference-latents",
        choices=("sample", "mean"),
        default="sample",
        help="of the VAE's posterior (default: sample)",
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
    group.add_argument("--negative-prompt", default="", help="text of the other half in balance")
    group.add_argument("--tokenizer", type=Path, help="folder with vocab.json, needed for a text")


def sampling_settings(arguments: argparse.Namespace) -> SamplingSettings:
    """Return how a clip is sampled.

    Raises:
        InputError: A number is out of range.
    """
    from ..sampling.settings import SamplingSettings

    return SamplingSettings(
        steps=arguments.steps,
        guidance_scale=arguments.guidance_scale,
        control_mode=arguments.control_mode,
        scheduler=arguments.scheduler,
        eta=arguments.eta,
        seed=arguments.seed,
        shared_noise=arguments.shared_noise,
        reference_latents=arguments.reference_latents,
        noisy_reference=arguments.noisy_reference,
        frames_per_batch=arguments.frames_per_batch,
    )
