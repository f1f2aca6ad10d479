"""Choose device and dtype well where the user did not."""

from __future__ import annotations

import torch

from ..errors import InputError


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
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise InputError(
            f"there is no device {name!r} here ({reason}); choose cpu, cuda, cuda:1 or mps, "
            "or leave the choice open"
        ) from error
    return device


def choose_dtype(device: torch.device) -> torch.dtype:
    """Give the fastest dtype that keeps the picture: bf16 where it is multiplied in hardware.

    GPUs without it get fp16, CPUs without it fp32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu":
        return torch.bfloat16 if _cpu_multiplies_bf16() else torch.float32
    return torch.float16


def _cpu_multiplies_bf16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # new in PyTorch 2.9
        return False
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
