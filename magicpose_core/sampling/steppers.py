"""Steppers: the authors' DDIM, and schedulers of diffusers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from .schedules import alphas_cumprod, betas, ddim_timesteps, remove_noise
from .settings import BetaSchedule, SchedulerName, check_scheduler
from .stochastic import EulerAncestral, Lcm


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

    def adds_noise(self, position: int) -> bool:
        """Tell whether the step from ``timesteps[position]`` takes fresh noise."""
        ...

    def step(self, noise: Tensor, position: int, latents: Tensor, fresh: Tensor | None) -> Tensor:
        """Step from ``timesteps[position]`` to the next.

        Args:
            noise: What the network predicts, (F, 4, h, w) float32.
            position: Of the timestep.
            latents: (F, 4, h, w) float32.
            fresh: Standard normal of the same shape where ``adds_noise`` says so, else None.
        """
        ...


class Ddim:
    """DDIM exactly as the authors step it: the last step ends at ``alphas_cumprod[0]``, not at 1.

    Source: Song et al. 2021, eq. 12.
    """

    def __init__(
        self, steps: int, eta: float = 0.0, beta_schedule: BetaSchedule = "scaled_linear"
    ) -> None:
        """Lay out the steps.

        Args:
            steps: Number of steps, see :func:`ddim_timesteps`.
            eta: Share of the fresh noise, 0 (none) to 1 (as much as DDPM).
            beta_schedule: Of the model.
        """
        table = alphas_cumprod(beta_schedule)
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

    def adds_noise(self, position: int) -> bool:
        """Tell whether eta asks for noise."""
        return float(self.sigmas[position]) > 0

    def step(self, noise: Tensor, position: int, latents: Tensor, fresh: Tensor | None) -> Tensor:
        """Step to the next timestep."""
        alpha, previous = float(self.alphas[position]), float(self.alphas_prev[position])
        sigma = float(self.sigmas[position])
        direction = max(1 - previous - sigma**2, 0.0) ** 0.5 * noise
        stepped = previous**0.5 * remove_noise(latents, noise, alpha) + direction
        return stepped if fresh is None else stepped + sigma * fresh


class DiffusersStepper:
    """A deterministic scheduler of diffusers."""

    def __init__(self, scheduler: DiffusersScheduler, steps: int) -> None:
        """Lay out the steps of a scheduler."""
        scheduler.set_timesteps(steps)
        self._scheduler = scheduler
        self.timesteps: Sequence[int] = [int(timestep) for timestep in scheduler.timesteps]
        self.first_scale = float(scheduler.init_noise_sigma)

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Give the latents the scale that the network expects."""
        return self._scheduler.scale_model_input(latents, self._scheduler.timesteps[position])

    def adds_noise(self, position: int) -> bool:
        """Tell that none is added."""
        return False

    def step(self, noise: Tensor, position: int, latents: Tensor, fresh: Tensor | None) -> Tensor:
        """Step to the next timestep."""
        timestep = self._scheduler.timesteps[position]
        return self._scheduler.step(noise, timestep, latents, return_dict=False)[0]


class DiffusersScheduler(Protocol):
    """The part of diffusers' schedulers that is used here."""

    timesteps: Tensor
    init_noise_sigma: float

    def set_timesteps(self, num_inference_steps: int) -> None: ...  # noqa: D102
    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor: ...  # noqa: D102
    def step(  # noqa: D102
        self, model_output: Tensor, timestep: Tensor, sample: Tensor, *, return_dict: bool = ...
    ) -> tuple[Tensor, ...]: ...


def make_stepper(
    name: SchedulerName,
    steps: int,
    eta: float = 0.0,
    beta_schedule: BetaSchedule = "scaled_linear",
) -> Stepper:
    """Make the stepper of a name.

    Args:
        name: ``ddim`` is the authors'; the others work on the same betas.
        steps: Number of steps.
        eta: Only for ``ddim``, see :class:`Ddim`.
        beta_schedule: Of the model.

    Raises:
        InputError: The name is unknown or a number is out of range.
    """
    check_scheduler(name, steps, eta)
    if name == "ddim":
        return Ddim(steps, eta, beta_schedule)
    if name == "lcm":
        return Lcm(steps, beta_schedule)
    if name == "euler_ancestral":
        return EulerAncestral(steps, beta_schedule)
    import diffusers

    class_name, settings = _DIFFUSERS[name]
    scheduler = getattr(diffusers, class_name)(
        trained_betas=betas(beta_schedule).tolist(), **_SPACING, **settings
    )
    return DiffusersStepper(scheduler, steps)


_SPACING: Mapping[str, object] = {"timestep_spacing": "leading", "steps_offset": 1}  # SD 1.5's own
# name -> class of diffusers, its settings
_DIFFUSERS: Mapping[SchedulerName, tuple[str, Mapping[str, object]]] = {
    "dpm++2m": ("DPMSolverMultistepScheduler", {}),
    "dpm++2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
}
