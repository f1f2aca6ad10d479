"""Betas, timesteps and steppers: the authors' DDIM, and schedulers of diffusers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from .noise import Generators, draw_noise

SchedulerName = Literal[
    "ddim", "dpm++2m", "dpm++2m_karras", "unipc", "euler", "euler_ancestral", "lcm"
]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)
TRAINING_STEPS = 1000
_DIFFUSERS_STEPS = 998  # its offset of 1 leads 999 steps of DPM++ and UniPC to timestep 1000
_LCM_STEPS = 50  # of the schedule that latent consistency models are distilled from


class Stepper(Protocol):
    """What the sampling loop asks of a scheduler; those of diffusers fit through an adapter."""

    @property
    def timesteps(self) -> Sequence[int]:
        """The timesteps in the order of sampling, the noisiest first."""
        ...

    @property
    def first_scale(self) -> float:
        """Standard deviation of the latents that sampling starts from."""
        ...

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Give the latents the scale that the network expects at ``timesteps[position]``."""
        ...

    def step(self, noise: Tensor, position: int, latents: Tensor, generators: Generators) -> Tensor:
        """Step from ``timesteps[position]`` to the next; (F, 4, h, w) float32."""
        ...


def betas() -> NDArray[np.float64]:
    """Give SD 1.5's 1000 betas: linear in their square roots, in float64 as the authors do."""
    return np.linspace(0.00085**0.5, 0.0120**0.5, TRAINING_STEPS, dtype=np.float64) ** 2


def alphas_cumprod() -> NDArray[np.float64]:
    """Give the share of the signal's variance left at each timestep, as rounded in checkpoints."""
    return np.cumprod(1.0 - betas()).astype(np.float32).astype(np.float64)


def add_noise(latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """Diffuse clean latents to timesteps, row by row.

    Args:
        latents: (B, 4, h, w), scaled.
        noise: Standard normal of the same shape.
        timesteps: () or (B,) integer, 0..999.
    """
    table = torch.from_numpy(alphas_cumprod())  # on the CPU: Apple's MPS has no float64
    alphas = table[timesteps.cpu()].reshape(-1, 1, 1, 1)
    return alphas.sqrt().to(latents) * latents + (1 - alphas).sqrt().to(latents) * noise


def ddim_timesteps(steps: int) -> list[int]:
    """Give the authors' DDIM timesteps, falling: 981, 961, ..., 1 for 50.

    They divide 1000 by the number of steps with the rest cut off, so some numbers give more steps
    than asked for: 7 gives 8 and 30 gives 31.

    Raises:
        InputError: ``steps`` is not in 1..999.
    """
    if not 1 <= steps < TRAINING_STEPS:
        raise InputError(f"steps must be 1..{TRAINING_STEPS - 1}, got {steps}")
    rising = range(1, TRAINING_STEPS, TRAINING_STEPS // steps)
    return list(reversed(rising))


class Ddim:
    """DDIM exactly as the authors step it: the last step ends at ``alphas_cumprod[0]``, not at 1.

    Source: Song et al. 2021, eq. 12.
    """

    def __init__(self, steps: int, eta: float = 0.0) -> None:
        """Lay out the steps.

        Args:
            steps: Number of steps, see :func:`ddim_timesteps`.
            eta: Share of the fresh noise, 0 (none) to 1 (as much as DDPM).
        """
        if not 0 <= eta <= 1:
            raise InputError(f"eta must be in 0..1, got {eta}")
        table = alphas_cumprod()
        self.timesteps: Sequence[int] = ddim_timesteps(steps)
        self.first_scale = 1.0
        self.alphas = table[self.timesteps]
        self.alphas_prev = np.append(table[self.timesteps[1:]], table[0])
        self.sigmas = eta * np.sqrt(
            (1 - self.alphas_prev) / (1 - self.alphas) * (1 - self.alphas / self.alphas_prev)
        )

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Return the latents as they are."""
        return latents

    def step(self, noise: Tensor, position: int, latents: Tensor, generators: Generators) -> Tensor:
        """Step to the next timestep."""
        alpha, previous = float(self.alphas[position]), float(self.alphas_prev[position])
        sigma = float(self.sigmas[position])
        clean = (latents - (1 - alpha) ** 0.5 * noise) / alpha**0.5
        direction = max(1 - previous - sigma**2, 0.0) ** 0.5 * noise
        stepped = previous**0.5 * clean + direction
        return stepped + sigma * draw_noise(latents, generators) if sigma > 0 else stepped


class DiffusersStepper:
    """A scheduler of diffusers on SD 1.5's betas."""

    def __init__(self, scheduler: DiffusersScheduler, steps: int, *, stochastic: bool) -> None:
        """Lay out the steps of a scheduler."""
        scheduler.set_timesteps(steps)
        self._scheduler = scheduler
        self._stochastic = stochastic
        self.timesteps: Sequence[int] = [int(timestep) for timestep in scheduler.timesteps]
        self.first_scale = float(scheduler.init_noise_sigma)

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Give the latents the scale that the network expects."""
        return self._scheduler.scale_model_input(latents, self._scheduler.timesteps[position])

    def step(self, noise: Tensor, position: int, latents: Tensor, generators: Generators) -> Tensor:
        """Step to the next timestep."""
        timestep = self._scheduler.timesteps[position]
        if self._stochastic:
            return self._scheduler.step(
                noise, timestep, latents, generator=list(generators), return_dict=False
            )[0]
        return self._scheduler.step(noise, timestep, latents, return_dict=False)[0]


class DiffusersScheduler(Protocol):
    """The part of diffusers' schedulers that is used here."""

    timesteps: Tensor
    init_noise_sigma: float

    def set_timesteps(self, num_inference_steps: int) -> None: ...  # noqa: D102
    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...  # noqa: D102
    def step(  # noqa: D102
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        *,
        generator: list[torch.Generator] = ...,
        return_dict: bool = ...,
    ) -> tuple[Tensor, ...]: ...


def make_stepper(name: SchedulerName, steps: int, eta: float = 0.0) -> Stepper:
    """Make the stepper of a name.

    Args:
        name: ``ddim`` is the authors'; the others are diffusers', on the same betas.
        steps: Number of steps.
        eta: Only for ``ddim``, see :class:`Ddim`.

    Raises:
        InputError: The name is unknown or a number is out of range.
    """
    if name == "ddim":
        return Ddim(steps, eta)
    if name not in SCHEDULERS:
        raise InputError(f"unknown scheduler {name!r}; expected one of {', '.join(SCHEDULERS)}")
    most = _LCM_STEPS if name == "lcm" else _DIFFUSERS_STEPS
    if not 1 <= steps <= most:
        raise InputError(f"steps must be 1..{most} for {name}, got {steps}")
    if eta:
        raise InputError(f"eta belongs to ddim; {name} takes none, leave it at 0")
    import diffusers

    class_name, settings, stochastic = _DIFFUSERS[name]
    scheduler = getattr(diffusers, class_name)(trained_betas=betas().tolist(), **settings)
    return DiffusersStepper(scheduler, steps, stochastic=stochastic)


_LEADING: Mapping[str, object] = {"timestep_spacing": "leading", "steps_offset": 1}  # SD 1.5's own
# name -> class of diffusers, its settings, whether it draws noise
_DIFFUSERS: Mapping[SchedulerName, tuple[str, Mapping[str, object], bool]] = {
    "dpm++2m": ("DPMSolverMultistepScheduler", _LEADING, False),
    "dpm++2m_karras": (
        "DPMSolverMultistepScheduler",
        {**_LEADING, "use_karras_sigmas": True},
        False,
    ),
    "unipc": ("UniPCMultistepScheduler", _LEADING, False),
    "euler": ("EulerDiscreteScheduler", _LEADING, False),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", _LEADING, True),
    "lcm": ("LCMScheduler", {}, True),
}
