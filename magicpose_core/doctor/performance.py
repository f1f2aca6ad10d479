"""Short figures of speed, and whether a clip can be written."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ..demo.model import demo_checkpoint
from ..errors import MagicPoseError
from ..evaluation.random_clip import prepare_step, random_clip, random_denoiser
from ..evaluation.speed import matrix_peak
from ..models.sd15 import ControlNetShape, UNetShape
from ..sampling.windows import FrameWindows
from ..video.reader import open_clip
from ..video.writer import open_mp4
from ..weights.loading import load_models
from ..weights.settings import ModelFiles
from .findings import Finding

FRAMES = 4
SMALL = ControlNetShape(unet=UNetShape(channels=(32, 64, 128, 128), context=64))
_WORST_LEVEL = 8.0  # mean difference of grey levels after H.264


def check_demo_model() -> Finding:
    """Load the model that the package ships, strictly as every file."""
    try:
        load_models(ModelFiles(checkpoint=demo_checkpoint()))
    except MagicPoseError as error:
        return Finding(what="demo model", seen=str(error), remedy="install the package again")
    return Finding(what="demo model", seen="loads")


def measure_speed(device: torch.device, dtype: torch.dtype) -> Finding:
    """Time a denoising step on random weights, full-size ones on a GPU, and a matrix product."""
    shape, size = (SMALL, 128) if device.type == "cpu" else (ControlNetShape(), 512)
    denoiser = random_denoiser(shape, device).to(dtype)
    clip = random_clip(shape, frames=FRAMES, size=size).to(device).to(dtype)
    with torch.inference_mode():
        step = prepare_step(denoiser, clip, FrameWindows(FRAMES))
        step(981).float().sum().item()
        start = time.perf_counter()
        step(961).float().sum().item()  # waits for the device
        seconds = (time.perf_counter() - start) / FRAMES
        peak = matrix_peak(clip.latents)
    networks = "networks a tenth as wide" if shape is SMALL else "full-size networks"
    return Finding(
        what=f"speed on {device}, {str(dtype).removeprefix('torch.')}",
        seen=f"{1000 * seconds:.1f} ms a frame of {size} x {size} and step ({networks}); a matrix "
        f"product reaches {peak:.0f} GFLOP/s",
    )


def check_mp4() -> Finding:
    """Write a clip, read it back, and compare."""
    rows = np.linspace(0, 255, 64, dtype=np.uint8)
    frame = np.stack([np.tile(rows, (64, 1)), np.tile(rows[:, None], (1, 64))] * 2, -1)[..., :3]
    frames = [np.ascontiguousarray(np.roll(frame, 4 * number, axis=1)) for number in range(4)]
    with tempfile.TemporaryDirectory(prefix="magicpose-") as folder:
        path = Path(folder) / "clip.mp4"
        try:
            with open_mp4(path, fps=8) as write:
                for each in frames:
                    write(each)
            with open_clip(path) as clip:
                read = list(clip.frames)
        except MagicPoseError as error:
            return Finding(what="MP4", seen=str(error), remedy="pip install -I av")
    if len(read) != len(frames):
        seen = f"{len(frames)} frames were written and {len(read)} read"
        return Finding(what="MP4", seen=seen, remedy="pip install -I av")
    worst = max(
        float(np.abs(a.astype(float) - b).mean()) for a, b in zip(read, frames, strict=True)
    )
    seen = f"written and read back, {worst:.1f} grey levels off in the mean"
    wrong = worst > _WORST_LEVEL
    return Finding(what="MP4", seen=seen, remedy="pip install -I av" if wrong else None)
