"""Open ONNX networks on a named provider; nothing is slow in silence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError, InputError, MissingDependencyError
from .settings import Device

_LOG = logging.getLogger("magicpose")
_PROVIDERS: dict[str, str] = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}


@dataclass(frozen=True, kw_only=True)
class OnnxNetwork:
    """An open network.

    Attributes:
        run: Picture (1, 3, H, W) float32 -> its outputs.
        height: Of the pictures it takes, in pixels.
        width: Of the pictures it takes, in pixels.
        provider: What it runs on: cuda, coreml or cpu.
    """

    run: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]
    height: int
    width: int
    provider: str


def open_network(path: Path, device: Device) -> OnnxNetwork:
    """Open an ONNX file whose one input is a picture of fixed size.

    Args:
        path: The file.
        device: ``auto`` takes the first of CUDA, CoreML and CPU that works, and warns on the CPU.

    Raises:
        MissingDependencyError: onnxruntime, or its build for the device, is not installed.
        CheckpointError: The file is damaged or takes something else.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "DWPose needs onnxruntime: pip install onnxruntime (or onnxruntime-gpu for CUDA)"
        ) from error
    wanted = _wanted_providers(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: a provider that falls back is told below
    try:
        session = onnxruntime.InferenceSession(path, options, providers=wanted)
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be opened as an ONNX network ({error}); fetch it again"
        ) from error
    used = next(name for name, full in _PROVIDERS.items() if full == session.get_providers()[0])
    if device == "auto" and used == "cpu":
        _LOG.warning("%s runs on the CPU, which is slow (no CUDA or CoreML provider)", path.name)
    elif device not in ("auto", used):
        raise MissingDependencyError(
            f"{path.name} cannot run on {device}: onnxruntime fell back to {used}. Mend the "
            f"installation (pip install onnxruntime-gpu), or choose the device {used}"
        )
    first = session.get_inputs()[0]
    fixed = all(isinstance(extent, int) for extent in first.shape[2:])
    if len(first.shape) != 4 or first.shape[1] != 3 or not fixed:
        raise CheckpointError(
            f"{path} must take pictures (1, 3, H, W) of fixed size, but takes {first.shape}; "
            "take an export of RTMPose, DWPose or YOLOX"
        )
    return OnnxNetwork(
        run=lambda picture: session.run(None, {first.name: picture}),
        height=first.shape[2],
        width=first.shape[3],
        provider=used,
    )


def _wanted_providers(device: Device, available: list[str]) -> list[str]:
    if device == "auto":
        return [full for full in _PROVIDERS.values() if full in available]
    full = _PROVIDERS.get(device)
    if full is None:
        raise InputError(f"DWPose runs on {', '.join(_PROVIDERS)}, not on {device}")
    if full not in available:
        raise MissingDependencyError(
            f"this onnxruntime has no {full}; it offers {', '.join(available)}: install "
            "onnxruntime-gpu for CUDA, or choose the device cpu"
        )
    return [full]
