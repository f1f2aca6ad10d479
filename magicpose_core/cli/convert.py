"""``magicpose convert``: weight files to safetensors."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import InputError
from ..files import FilePlan, paths
from .options import add_force_option, check_files, positive
from .terminal import complain, say


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "convert",
        help="turn weight files into safetensors, or put several together",
        description="Turn .th/.ckpt/.pt/.pth files or diffusers folders into safetensors. Of "
        "several files, each sub-model is taken from the first that holds it. Streamed: one "
        "tensor is in memory at a time.",
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="IN", help="file or folder")
    parser.add_argument(
        "--out", required=True, type=Path, help="safetensors file, or a folder with --split"
    )
    parser.add_argument(
        "--dtype", choices=("fp16", "bf16", "fp32"), default="fp16", help="default: fp16"
    )
    parser.add_argument(
        "--split",
        action="store_true",
        help="write sd15, appearance, pose and motion as files of their own, as ComfyUI's loaders "
        "want",
    )
    parser.add_argument("--heads", type=positive, help="attention heads to note (SD 1.5: 8)")
    parser.add_argument(
        "--text-heads", type=positive, help="heads of the text encoder (SD 1.5: 12)"
    )
    parser.add_argument(
        "--note",
        type=Path,
        metavar="FILE",
        help="JSON file with how the model wants to be used: kind, drawn, size, steps, "
        "guidance_scale, scheduler, betas (default: what the source says)",
    )
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what was written."""
    from ..weights.checkpoint import open_checkpoint
    from ..weights.contents import PART_TITLES, find_parts
    from ..weights.convert import DTYPES, SPLIT_FILES, convert
    from ..weights.misfit import why_it_does_not_load
    from ..weights.notes import load_note

    out: Path = arguments.out
    if not arguments.split and out.suffix != ".safetensors":
        raise InputError(f"--out must end in .safetensors, got {out}; or add --split")
    files = [out / name for name in SPLIT_FILES] if arguments.split else [out]
    check_files(
        FilePlan(
            reads=paths(arguments.sources, arguments.note),
            files=tuple(files),
            force=arguments.force,
        )
    )
    written = convert(
        arguments.sources,
        out,
        dtype=DTYPES[arguments.dtype],
        split=arguments.split,
        heads=arguments.heads,
        text_heads=arguments.text_heads,
        note=None if arguments.note is None else load_note(arguments.note),
    )
    for path in written:
        say(f"{path} ({path.stat().st_size / 1e9:.2f} GB)")
        for part in find_parts(open_checkpoint(path)).values():
            if obstacle := why_it_does_not_load(part):
                title = PART_TITLES[part.name]
                complain(f"note: {title} in {path.name} does not load: {obstacle}")
    return 0
