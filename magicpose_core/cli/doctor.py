"""``magicpose doctor``: whether this machine computes what it should, for a user to paste."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import use_real_cores

if TYPE_CHECKING:
    from ..doctor.findings import Finding

WRONG = 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="examine this machine and say what is wrong",
        description="List versions, devices, memory, disk and the weights in ComfyUI's folders; "
        "then run the networks on every device and precision against the authors' numbers, measure "
        "speed and write an MP4. Needs no weights and no network; changes nothing but what is "
        "remembered of this CPU's precision. The exit code is 1 where something is wrong.",
    )
    parser.add_argument(
        "--device", action="append", help="test only this device (default: all there are)"
    )
    parser.add_argument(
        "--comfyui",
        type=Path,
        metavar="FOLDER",
        help="where ComfyUI is (default: $COMFYUI_DIR, above this pack, ~/comfy/ComfyUI)",
    )
    parser.add_argument(
        "--measure-again",
        action="store_true",
        help="measure anew in which precision this CPU is fastest, and remember that",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine, and report part by part."""
    from ..doctor.examine import ExaminationSettings, examine
    from ..doctor.findings import section, verdict
    from ..models.device import choose_device

    devices = [choose_device(name) for name in arguments.device] if arguments.device else None
    settings = ExaminationSettings(
        devices=devices, comfyui=arguments.comfyui, measure_again=arguments.measure_again
    )
    findings: list[Finding] = []
    use_real_cores()
    for title, found in examine(settings):
        sys.stdout.write(section(title, found) + "\n\n")
        sys.stdout.flush()
        findings += found
    told = verdict(findings)
    sys.stdout.write(f"{told[0].upper()}{told[1:]}.\n")
    return WRONG if any(finding.wrong for finding in findings) else 0
