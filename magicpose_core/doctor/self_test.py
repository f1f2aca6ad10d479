"""The networks, the schedule and a whole run against the authors' numbers, on any device.

The checks follow the way of the data, so that the first one that fails names the part to look at.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..models import vae
from ..models.denoiser import Conditioning
from ..sampling.denoise import denoise
from ..sampling.guidance import PredictNoise, guide
from ..sampling.schedules import alphas_cumprod
from ..sampling.steppers import Ddim
from ..sampling.windows import FrameWindows
from ..weights.loading import MagicPoseModels

Numbers = Mapping[str, Tensor]
TIMESTEP = 501
# Largest norm of the difference over the norm of the authors' numbers, of one pass and of a whole
# run. In fp32 those of the golden tests, else about three times what was measured on CPUs.
BOUNDS: Mapping[torch.dtype, tuple[float, float]] = {
    torch.float32: (1e-5, 1e-4),
    torch.bfloat16: (0.1, 0.3),
    torch.float16: (0.01, 0.03),
}
ACCELERATOR_SLACK = 10.0  # sums in another order; TF32, which would take far more, is turned off


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far a part is from the authors' code.

    Attributes:
        part: Its name, in the users' words.
        error: Norm of the difference over the norm of the authors' numbers.
        bound: The most that is right.
    """

    part: str
    error: float
    bound: float

    @property
    def wrong(self) -> bool:
        """Beyond the bound, NaN included."""
        return not self.error <= self.bound


def self_test(
    models: MagicPoseModels, numbers: Numbers, device: torch.device, dtype: torch.dtype
) -> list[Difference]:
    """Run every part on a device in a precision.

    Args:
        models: The small model of the golden numbers, left as it is.
        numbers: See ``micro_model.golden_numbers``.
        device: Where to run.
        dtype: In what.

    Returns:
        One difference a part, in the order of the data.
    """
    moved = _copy(models, device, dtype)
    one_pass, whole_run = BOUNDS[dtype]
    slack = 1.0 if device.type == "cpu" else ACCELERATOR_SLACK
    differences = []
    with torch.no_grad(), _exact_float32():
        for part, check in _CHECKS.items():
            bound = whole_run if check is _run else one_pass
            error = max(_relative(ours, gold) for ours, gold in check(moved, numbers))
            differences.append(Difference(part=part, error=error, bound=bound * slack))
    return differences


Pairs = Iterator[tuple[Tensor, Tensor]]  # ours, the authors'


def _schedule(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    table = torch.from_numpy(alphas_cumprod().astype(np.float32))
    yield table, numbers["alphas_cumprod"]
    stepper = Ddim(4)
    yield torch.tensor(stepper.timesteps), numbers["timesteps"]
    yield torch.from_numpy(stepper.alphas_prev), numbers["alphas_prev"]


def _text(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    yield models.text.empty_prompt(), numbers["empty_prompt"]


def _encoder(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    moments = vae.encode_moments(models.vae, numbers["picture"].to(models.vae.device))
    yield moments, numbers["moments"]


def _decoder(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    latents = numbers["decoder_latents"].to(models.vae.device)
    yield vae.decode(models.vae, latents)[..., ::4, ::4], numbers["decoded"]


def _appearance(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    assert models.denoiser.appearance is not None
    latents, text = _placed(models, numbers["reference_latents"], numbers["text"])
    step = torch.tensor(TIMESTEP, device=latents.device)
    tokens = list(models.denoiser.appearance(latents, step, text).tokens.values())
    for layer in (0, 7, 15):
        yield tokens[layer], numbers[f"tokens.{layer:02d}"]


def _pose(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    assert models.denoiser.pose is not None
    latents, text, maps = _placed(models, numbers["latents"], numbers["text"], numbers["pose_map"])
    step = torch.tensor(TIMESTEP, device=latents.device)
    hint = models.denoiser.pose.embed(maps)
    residuals = models.denoiser.pose(latents, step, text, hint)
    for index, residual in ((0, residuals.down[0]), (11, residuals.down[11]), (12, residuals.mid)):
        yield residual, numbers[f"residual.{index:02d}"]


def _plain(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    latents, text = _placed(models, numbers["latents"], numbers["text"])
    predict = models.denoiser.prepare(Conditioning(text=text))
    yield predict(latents, TIMESTEP, [0]), numbers["noise_unconditional"]


def _joined(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    (latents,) = _placed(models, numbers["latents"])
    yield _conditional(models, numbers)(latents, TIMESTEP, [0]), numbers["noise_conditional"]


def _run(models: MagicPoseModels, numbers: Numbers) -> Pairs:
    start, text = _placed(models, numbers["start"], numbers["text"])
    plain = models.denoiser.prepare(Conditioning(text=text))
    predict = guide(_conditional(models, numbers), plain, 7.0)
    yield (
        denoise(predict, start.float(), Ddim(4), FrameWindows(1), torch.zeros_like),
        numbers["samples"],
    )


_CHECKS: Mapping[str, Callable[[MagicPoseModels, Numbers], Pairs]] = {
    "noise schedule": _schedule,
    "text encoder": _text,
    "encoder of the VAE": _encoder,
    "decoder of the VAE": _decoder,
    "appearance control model": _appearance,
    "pose ControlNet": _pose,
    "U-Net": _plain,
    "U-Net with reference and pose": _joined,
    "whole run of 4 steps": _run,
}


def _conditional(models: MagicPoseModels, numbers: Numbers) -> PredictNoise:
    assert models.denoiser.pose is not None
    reference, text, maps = _placed(
        models, numbers["reference_latents"], numbers["text"], numbers["pose_map"]
    )
    hint = models.denoiser.pose.embed(maps)
    return models.denoiser.prepare(
        Conditioning(text=text, reference=lambda _: reference, hint=lambda _: hint)
    )


def _placed(models: MagicPoseModels, *tensors: Tensor) -> list[Tensor]:
    weight = next(models.denoiser.parameters())
    return [tensor.to(weight.device, weight.dtype) for tensor in tensors]


def _copy(models: MagicPoseModels, device: torch.device, dtype: torch.dtype) -> MagicPoseModels:
    copied = copy.deepcopy(models)
    for network in (copied.denoiser, copied.vae, copied.text):
        nn.Module.to(network, device, dtype)  # diffusers' own warns of every cast
    return copied


@contextlib.contextmanager
def _exact_float32() -> Iterator[None]:
    """Keep GPUs from rounding float32 to TF32, which PyTorch allows convolutions by default."""
    allowed, precision = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
        torch.set_float32_matmul_precision(precision)


def _relative(ours: Tensor, gold: Tensor) -> float:
    if ours.shape != gold.shape:
        return math.inf
    gold = gold.double()
    return float((ours.cpu().double() - gold).norm() / gold.norm())
