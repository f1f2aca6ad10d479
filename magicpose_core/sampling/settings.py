"""How a clip is sampled: names, ranges and defaults, without anything heavy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from ..errors import InputError

SchedulerName = Literal[
    "ddim", "dpm++2m", "dpm++2m_karras", "unipc", "euler", "euler_ancestral", "lcm"
]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)
ControlMode = Literal["image_cfg", "balance"]
CONTROL_MODES: tuple[ControlMode, ...] = get_args(ControlMode)
ReferenceLatents = Literal["sample", "mean"]
REFERENCE_LATENTS: tuple[ReferenceLatents, ...] = get_args(ReferenceLatents)

LCM_STEPS = 50  # of the schedule that latent consistency models are distilled from
_DIFFUSERS_STEPS = 998  # its offset of 1 leads 999 steps of DPM++ and UniPC to timestep 1000
MOST_STEPS: Mapping[SchedulerName, int] = MappingProxyType(
    {name: {"ddim": 999, "lcm": LCM_STEPS}.get(name, _DIFFUSERS_STEPS) for name in SCHEDULERS}
)


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How a clip is sampled; the defaults are the paper's.

    Attributes:
        steps: Steps of the scheduler.
        guidance_scale: Weight of appearance and pose against the plain model; 1 turns it off.
        control_mode: What the unconditional half sees: ``image_cfg`` neither appearance
            nor pose (the paper's Image-CFG), ``balance`` both, with the negative text.
        scheduler: ``ddim`` steps as the authors do.
        eta: Fresh noise at each DDIM step, 0..1.
        seed: Of all noise.
        shared_noise: Share of the initial noise that all frames have in common, 0..1.
        reference_latents: ``sample`` draws them from the VAE's posterior, as the authors do;
            ``mean`` takes its mean.
        noisy_reference: Add fresh noise of the timestep to the reference (the authors' models
            without ``wonoise``).
        frames_per_batch: Frames that go through the networks at a time; None asks free memory.
        hint_cache_mb: Limit of the kept pose embeddings, in MB.
    """

    steps: int = 50
    guidance_scale: float = 7.0
    control_mode: ControlMode = "image_cfg"
    scheduler: SchedulerName = "ddim"
    eta: float = 0.0
    seed: int = 42
    shared_noise: float = 1.0
    reference_latents: ReferenceLatents = "sample"
    noisy_reference: bool = False
    frames_per_batch: int | None = None
    hint_cache_mb: int = 1024

    def __post_init__(self) -> None:
        """Check names and numbers.

        Raises:
            InputError: A name is unknown or a number out of range.
        """
        check_scheduler(self.scheduler, self.steps, self.eta)
        _check_choice("control_mode", self.control_mode, CONTROL_MODES)
        _check_choice("reference_latents", self.reference_latents, REFERENCE_LATENTS)
        if not math.isfinite(self.guidance_scale):
            raise InputError(f"guidance_scale must be a number, got {self.guidance_scale}")
        if not 0 <= self.shared_noise <= 1:
            raise InputError(f"shared_noise must be in 0..1, got {self.shared_noise}")
        if self.frames_per_batch is not None and self.frames_per_batch < 1:
            raise InputError(f"frames_per_batch must be at least 1, got {self.frames_per_batch}")
        if self.hint_cache_mb < 0:
            raise InputError(f"hint_cache_mb must be 0 or more, got {self.hint_cache_mb}")


def check_scheduler(name: SchedulerName, steps: int, eta: float) -> None:
    """Check what a scheduler is asked for.

    Raises:
        InputError: The name is unknown or a number is out of range.
    """
    if name not in SCHEDULERS:
        raise InputError(f"unknown scheduler {name!r}; expected one of {', '.join(SCHEDULERS)}")
    if not 1 <= steps <= MOST_STEPS[name]:
        whose = "" if name == "ddim" else f" for {name}"
        raise InputError(f"steps must be 1..{MOST_STEPS[name]}{whose}, got {steps}")
    if not 0 <= eta <= 1:
        raise InputError(f"eta must be in 0..1, got {eta}")
    if eta and name != "ddim":
        raise InputError(f"eta belongs to ddim; {name} takes none, leave it at 0")


def _check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"unknown {field} {value!r}; expected one of {', '.join(choices)}")
