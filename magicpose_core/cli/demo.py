"""``magicpose demo``: a drawn stranger in new poses, from files on disk to a clip."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..errors import InputError
from . import generate
from .options import positive

SIZE = 128  # pixels, what the demo model is trained on


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="render a drawn dancer in new poses with the model that the package ships",
        description="Draw a stranger and a loop of poses as files, then render the clip as "
        "'magicpose generate' does. Opens no network connection.",
    )
    parser.add_argument("--out", type=Path, default=Path("output/demo"), help="folder")
    parser.add_argument("--person", type=int, default=0, help="number of the dancer (0)")
    parser.add_argument("--frames", type=positive, default=24, help="length of the loop (24)")
    parser.add_argument("--steps", type=positive, default=20, help="DDIM steps (20)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw the inputs, render, and say where everything lies and what was measured."""
    from ..demo.inputs import write_inputs
    from ..demo.model import DEMO_CHECKPOINT
    from ..demo.random_model import write_random_model
    from ..pipeline import SamplingConfig

    if arguments.person < 0:
        raise InputError(f"--person must be 0 or more, got {arguments.person}")
    SamplingConfig(steps=arguments.steps)  # refuses a wrong number before anything is drawn
    out = _fresh_folder(arguments.out)
    inputs = write_inputs(
        out / "inputs", person=arguments.person, frames=arguments.frames, size=SIZE
    )
    trained = DEMO_CHECKPOINT.is_file()
    checkpoint = DEMO_CHECKPOINT if trained else write_random_model(out / "random.safetensors")
    generate.run(
        _generate_arguments(
            *("--image", inputs.person, "--poses", inputs.poses, "--checkpoint", checkpoint),
            *("--size", SIZE, "--steps", arguments.steps, "--out", out / "clip.mp4", "--fps", 12),
            *("--dtype", "fp32"),  # such narrow networks are faster in it, on any CPU
        )
    )
    settings = json.loads((out / "clip.json").read_text(encoding="utf-8"))
    sys.stdout.write(
        f"picture and poses: {out / 'inputs'}\n"
        f"clip:              {out / 'clip.mp4'}\n"
        f"contact sheet:     {out / 'clip.sheet.png'}\n"
        f"measured:          {settings['frames']} frames of {SIZE}x{SIZE} in "
        f"{settings['seconds']:.1f} s, {arguments.steps} DDIM steps, {settings['dtype']} on "
        f"{settings['device']}\n"
    )
    if not trained:
        sys.stdout.write(
            "No trained demo model is shipped yet: the weights are RANDOM and the clip is noise. "
            "It shows that the way from picture and poses to a clip works, nothing more.\n"
        )
    return 0


def _fresh_folder(wanted: Path) -> Path:
    """Give the folder, or a numbered one beside it where an earlier run left its result."""
    folder, number = wanted, 2
    while folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        folder = wanted.with_name(f"{wanted.name}-{number}")
        number += 1
    return folder


def _generate_arguments(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    generate.add_parser(parser.add_subparsers())
    return parser.parse_args(["generate", *map(str, words)])
