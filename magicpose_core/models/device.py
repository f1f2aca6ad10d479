"""Choose device and dtype well where the user did not."""

from __future__ import annotations

import torch

from ..errors import InputError, one_line
from .precision import CANDIDATES, measured_precision, memory_file, recall


def choose_device(name: str | None = None) -> torch.device:
    """Give the named device, or the best there is: CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: The named device is not there.
    """
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.ones(1, device=device).item()  # "meta" is a device too, but computes nothing
    except Exception as error:  # each kind of device that is not built in raises its own
        reason = one_line((str(error) or type(error).__name__).partition(". ")[0])
        raise InputError(
            f"there is no device {name!r} here ({reason}); choose cpu, cuda, cuda:1 or mps, "
            "or leave the choice open"
        ) from error
    return device


def choose_dtype(device: torch.device) -> torch.dtype:
    """Give the fastest dtype that keeps the picture.

    GPUs have bf16 where they multiply it in hardware, else fp16; a CPU what was measured to be
    fastest on it, see ``precision``.
    """
    if device.type == "cpu":
        found = measured_precision()
        return torch.float32 if found is None else CANDIDATES[found.dtype]
    return torch.bfloat16 if multiplies_bf16(device) else torch.float16


def dtype_reason(device: torch.device) -> str:
    """Say in one line why :func:`choose_dtype` gives what it gives."""
    if device.type == "cpu":
        return str(recall(memory_file()) or "fp32: a measurement could not be kept")
    return f"{'bf16' if multiplies_bf16(device) else 'fp16'} by the device's hardware"


def multiplies_bf16(device: torch.device) -> bool:
    """Tell whether a GPU multiplies bf16 in hardware; PyTorch emulates it on older ones."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
