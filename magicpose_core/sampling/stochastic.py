"""Steppers that add fresh noise at each step: ancestral Euler, and latent consistency models.

Written out here, and not taken from diffusers, so that the noise is an argument: diffusers draws it
inside the step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .schedules import TRAINING_STEPS, alphas_cumprod, leading_timesteps, remove_noise
from .settings import LCM_STEPS, BetaSchedule

_LCM_STRIDE = TRAINING_STEPS // LCM_STEPS
_LCM_TIMESTEP_SCALE = 10.0
_LCM_SIGMA_DATA = 0.5


class EulerAncestral:
    """Euler steps over noise levels, each to a lower level and up again by fresh noise.

    Latents are kept as ``clean + sigma noise``. Source: Karras et al. 2022; k-diffusion's
    ``sample_euler_ancestral``.
    """

    def __init__(self, steps: int, beta_schedule: BetaSchedule = "scaled_linear") -> None:
        """Lay out the steps, spaced as SD 1.5 has them."""
        self.timesteps: Sequence[int] = leading_timesteps(steps)
        alphas = alphas_cumprod(beta_schedule)[self.timesteps]
        self._sigmas = [*(((1 - alphas) / alphas) ** 0.5).tolist(), 0.0]
        self.first_scale = (self._sigmas[0] ** 2 + 1) ** 0.5

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Give the latents variance 1, as the network expects."""
        return latents / (self._sigmas[position] ** 2 + 1) ** 0.5

    def adds_noise(self, position: int) -> bool:
        """Tell whether the step ends above zero."""
        return self._sigmas[position + 1] > 0

    def step(self, noise: Tensor, position: int, latents: Tensor, fresh: Tensor | None) -> Tensor:
        """Step to the next level: down without noise, and up with it."""
        here, there = self._sigmas[position], self._sigmas[position + 1]
        up = (there**2 * (here**2 - there**2) / here**2) ** 0.5
        down = (there**2 - up**2) ** 0.5
        stepped = latents + (down - here) * noise
        return stepped if fresh is None else stepped + up * fresh


class Lcm:
    """Multistep consistency sampling: each step guesses the clean latents and adds noise anew.

    Source: Luo et al. 2023 (arXiv 2310.04378), section 3 and algorithm 3 of its supplement.
    """

    def __init__(self, steps: int, beta_schedule: BetaSchedule = "scaled_linear") -> None:
        """Spread the steps over the 50 timesteps of the distilled schedule, the noisiest first."""
        falling = [_LCM_STRIDE * (index + 1) - 1 for index in range(LCM_STEPS)][::-1]
        chosen = torch.linspace(0, LCM_STEPS, steps + 1, dtype=torch.float64)[:-1].floor()
        self.timesteps: Sequence[int] = [falling[int(index)] for index in chosen]
        self.first_scale = 1.0
        self._alphas = alphas_cumprod(beta_schedule)

    def scale(self, latents: Tensor, position: int) -> Tensor:
        """Return the latents as they are."""
        return latents

    def adds_noise(self, position: int) -> bool:
        """Tell whether another step follows."""
        return position + 1 < len(self.timesteps)

    def step(self, noise: Tensor, position: int, latents: Tensor, fresh: Tensor | None) -> Tensor:
        """Guess the clean latents and go to the noise of the next timestep."""
        timestep = self.timesteps[position]
        scaled = timestep * _LCM_TIMESTEP_SCALE
        spread = scaled**2 + _LCM_SIGMA_DATA**2
        skip, out = _LCM_SIGMA_DATA**2 / spread, scaled / spread**0.5
        clean = remove_noise(latents, noise, float(self._alphas[timestep]))
        clean = out * clean + skip * latents
        if fresh is None:
            return clean
        alpha = float(self._alphas[self.timesteps[position + 1]])
        return alpha**0.5 * clean + (1 - alpha) ** 0.5 * fresh
