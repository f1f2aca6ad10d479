"""The whole examination, part by part, so that the report can be read while it grows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import MagicPoseError, one_line
from ..models.device import choose_dtype, multiplies_bf16
from ..weights.convert import DTYPES
from . import comfyui, machine, performance
from .findings import Finding
from .micro_model import golden_numbers, load_micro_models
from .self_test import Difference, self_test

NAMES = {dtype: name for name, dtype in DTYPES.items()}
Section = tuple[str, Sequence[Finding]]  # title, what was found


@dataclass(frozen=True, kw_only=True)
class ExaminationSettings:
    """What is examined.

    Attributes:
        devices: On which the self-test runs; None takes all.
        comfyui: Folder of ComfyUI; None looks for it.
        measure_again: Measure the CPU's precision anew, and remember that.
    """

    devices: Sequence[torch.device] | None = None
    comfyui: Path | None = None
    measure_again: bool = False


def examine(settings: ExaminationSettings) -> Iterator[Section]:
    """Yield the sections of the report as they become known."""
    yield "Versions", machine.versions()
    yield (
        "Machine",
        [
            *machine.describe_devices(),
            machine.describe_precision(again=settings.measure_again),
            *machine.memory_and_disk(),
        ],
    )
    yield "ComfyUI", _comfyui(settings.comfyui)
    devices = machine.devices() if settings.devices is None else settings.devices
    yield "Self-test against the authors' numbers", _self_tests(devices)
    yield (
        "Speed and files",
        [
            *(_speed(device, choose_dtype(device)) for device in devices),
            performance.check_demo_model(),
            performance.check_mp4(),
        ],
    )


def precisions(device: torch.device) -> list[torch.dtype]:
    """List the precisions that are worth testing: fp32, and what the hardware multiplies."""
    if device.type == "cpu":
        return list(dict.fromkeys([torch.float32, choose_dtype(device)]))
    half = [torch.float16]
    if multiplies_bf16(device):
        half.append(torch.bfloat16)
    return [torch.float32, *half]


def _comfyui(named: Path | None) -> list[Finding]:
    folder = comfyui.find_comfyui(named)
    if folder is not None:
        return comfyui.describe_comfyui(folder)
    if named is not None:
        seen, remedy = f"{named} is no folder of ComfyUI", "name the folder with folder_paths.py"
        return [Finding(what="ComfyUI", seen=seen, remedy=remedy)]
    return [Finding(what="ComfyUI", seen="not found; name its folder to have it looked at")]


def _self_tests(devices: Sequence[torch.device]) -> list[Finding]:
    try:
        models, numbers = load_micro_models(), golden_numbers()
    except (MagicPoseError, OSError) as error:
        remedy = "install the package again"
        return [Finding(what="small model", seen=f"does not load: {error}", remedy=remedy)]
    found = []
    for device in devices:
        for dtype in precisions(device):
            what = f"{device} in {NAMES[dtype]}"
            try:
                differences = self_test(models, numbers, device, dtype)
            except Exception as error:  # noqa: BLE001 - whatever a device fails with is the finding
                found.append(_failed(what, error, device))
            else:
                found.append(_judged(what, differences, device, dtype))
    return found


def _failed(what: str, error: Exception, device: torch.device) -> Finding:
    seen = f"fails: {type(error).__name__}: {one_line(str(error))}"
    return Finding(what=what, seen=seen, remedy=_remedy(device, torch.float32))


def _judged(
    what: str, differences: Sequence[Difference], device: torch.device, dtype: torch.dtype
) -> Finding:
    wrong = [difference for difference in differences if difference.wrong]
    if not wrong:
        worst = max(differences, key=lambda difference: difference.error / difference.bound)
        return Finding(
            what=what,
            seen=f"right; farthest off: {worst.part}, {worst.error:.1e} of {worst.bound:.0e}",
        )
    first = wrong[0]
    seen = (
        f"the {first.part} computes other numbers: {first.error:.1e} off, at most {first.bound:.0e}"
    )
    if wrong[1:]:
        seen += f"; then also the {', the '.join(each.part for each in wrong[1:])}"
    return Finding(what=what, seen=seen, remedy=_remedy(device, dtype))


def _remedy(device: torch.device, dtype: torch.dtype) -> str:
    if device.type != "cpu":
        return (
            f"if the CPU is right above, it is {device}: update its driver and PyTorch, and until "
            "then run on the device cpu"
            + ("" if dtype == torch.float32 else ", or in fp32 where that is right")
        )
    if dtype != torch.float32:
        return "run in fp32 where that is right above, and update PyTorch"
    return (
        "install the package again; if that changes nothing, a library computes otherwise: compare "
        "the versions above with tests/versions/newest.txt, and report it with this output"
    )


def _speed(device: torch.device, dtype: torch.dtype) -> Finding:
    try:
        return performance.measure_speed(device, dtype)
    except Exception as error:  # noqa: BLE001 - a GPU too small for the full-size networks
        seen = f"not measured ({one_line(str(error))})"
        return Finding(what=f"speed on {device}", seen=seen)
