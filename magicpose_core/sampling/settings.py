"""How a clip is sampled; nothing heavy is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from ..errors import InputError
from ..settings import Settings, setting, settings_of
from .presets import PresetName, presets

SchedulerName = Literal[
    "ddim", "dpm++2m", "dpm++2m_karras", "unipc", "euler", "euler_ancestral", "lcm"
]
SCHEDULERS: tuple[SchedulerName, ...] = get_args(SchedulerName)
ControlMode = Literal["image_cfg", "balance"]
ReferenceLatents = Literal["sample", "mean"]
WindowRule = Literal["fixed", "circular"]
BetaSchedule = Literal["scaled_linear", "linear"]

TRAINING_STEPS = 1000
BETAS = (0.00085, 0.012)
"""First and last beta of Stable Diffusion 1.5, with which all models here are sampled."""
LCM_STEPS = 50  # of the schedule that latent consistency models are distilled from
_DIFFUSERS_STEPS = 998  # its offset of 1 leads 999 steps of DPM++ and UniPC to timestep 1000
MOST_STEPS: Mapping[SchedulerName, int] = MappingProxyType(
    {
        name: {"ddim": TRAINING_STEPS - 1, "lcm": LCM_STEPS}.get(name, _DIFFUSERS_STEPS)
        for name in SCHEDULERS
    }
)


@dataclass(frozen=True, kw_only=True)
class SamplingSettings(Settings):
    """How a clip is sampled; the defaults are the paper's.

    Some are None where nobody chose them: a preset, or the model's file, may know better than the
    paper, see :meth:`complete`.
    """

    preset: PresetName | None = setting(
        None,
        help="how exact for how much time: paper, the 50 exact steps; fast and draft, fewer steps, "
        "chosen on the demo model; what is given beside it wins (not given: the model's notes, "
        "else the paper)",
    )
    steps: int | None = setting(
        None, usual=50, minimum=1, maximum=TRAINING_STEPS - 1, help="steps of the scheduler"
    )
    guidance_scale: float | None = setting(
        None,
        usual=7.0,
        minimum=0,
        maximum=100,
        help="weight of appearance and pose against the plain model; 1 turns guidance off",
    )
    guidance_start: float | None = setting(
        None,
        usual=0.0,
        minimum=0,
        maximum=1,
        help="share of the steps after which guidance begins; before, the conditional half runs "
        "alone",
    )
    guidance_stop: float | None = setting(
        None, usual=1.0, minimum=0, maximum=1, help="share of the steps at which guidance ends"
    )
    deep_every: int | None = setting(
        None,
        usual=1,
        minimum=1,
        help="steps for one of which all layers are computed; the others compute the outer layers "
        "alone, and keep 10 MB per frame of 512 x 512 in half precision; 1 computes all, exactly",
    )
    control_mode: ControlMode = setting(
        "image_cfg",
        aliases={"controlnet_important": "image_cfg"},
        help="what guidance leads away from: image_cfg from the model without appearance and pose "
        "(the paper), balance from the model with both and the negative prompt",
    )
    scheduler: SchedulerName | None = setting(
        None, usual="ddim", help="how the noise is taken out; ddim steps exactly as the authors do"
    )
    eta: float = setting(
        0.0, minimum=0, maximum=1, help="fresh noise at each step of ddim, 1 as much as DDPM"
    )
    seed: int = setting(42, minimum=0, maximum=2**64 - 1, help="seed of all noise")
    shared_noise: float = setting(
        1.0,
        minimum=0,
        maximum=1,
        help="share of the initial noise that all frames have in common: 1 keeps the background "
        "still (the paper), 0 gives each frame its own",
    )
    shuffled_noise: bool = setting(
        False,
        help="let the noises of a motion module's first window come again in another order in "
        "those behind it (FreeNoise), instead of new ones",
    )
    window_length: int | None = setting(
        None,
        minimum=1,
        unit="frames",
        help="frames that see each other through a motion module (not given: 16, or what its "
        "positions allow)",
    )
    window_overlap: int | None = setting(
        None,
        minimum=0,
        unit="frames",
        help="frames that neighbouring windows of a motion module share, averaged (not given: 4)",
    )
    window_rule: WindowRule = setting(
        "fixed",
        help="where a motion module's windows lie: fixed, the same in every step, or circular, "
        "around the clip and elsewhere in each step (the authors' rule for long videos)",
    )
    beta_schedule: BetaSchedule = setting(
        "scaled_linear",
        help="how much noise a timestep means: scaled_linear as MagicPose was trained, linear as "
        "AnimateDiff's motion modules were",
    )
    deflicker: bool = setting(
        False,
        help="match light and colour of each decoded frame's still background to the reference's",
    )
    reference_latents: ReferenceLatents = setting(
        "sample",
        help="what is taken of the autoencoder's distribution: a sample drawn with the seed (the "
        "authors) or its mean",
    )
    noisy_reference: bool = setting(
        False,
        help="add each step's noise to the reference before it is read; the released model is "
        "used without (wonoise)",
    )
    frames_per_batch: int | None = setting(
        None,
        minimum=1,
        help="frames that go through the networks together; the result is the same, less of them "
        "need less memory (not given: what the free memory allows)",
    )
    hint_cache_mb: int = setting(
        1024, minimum=0, unit="MB", help="limit of the pose embeddings that are kept"
    )

    def __post_init__(self) -> None:
        """Check each field, and what belongs together.

        Raises:
            InputError: A value is out of range, or means nothing beside another one.
        """
        super().__post_init__()
        if self.scheduler is not None:
            check_scheduler(self.scheduler, self.steps or 1, self.eta)
        if self.shuffled_noise and self.shared_noise == 1:
            raise InputError(
                "shuffled_noise does nothing at shared_noise 1, where all frames have one noise; "
                "lower shared_noise"
            )
        start, stop = self.guidance_start or 0.0, self.guidance_stop
        if stop is not None and start > stop:
            raise InputError(
                f"guidance_stop must not lie before guidance_start, got {stop:g} and {start:g}"
            )

    def complete(self, noted: Mapping[str, object] | None = None) -> CompleteSampling:
        """Fill in what nobody chose: from the preset, a model's notes, or else from the paper.

        Args:
            noted: Values by field, as a model's file notes them; those of other names are left out.

        Raises:
            InputError: A noted value is out of range.
        """
        described = settings_of(SamplingSettings)
        known = {name: value for name, value in (noted or {}).items() if name in described}
        usual = {name: each.shown_default for name, each in described.items()}
        preset = {} if self.preset is None else presets()[self.preset]
        given = {name: value for name in described if (value := getattr(self, name)) is not None}
        chosen = dataclasses.asdict(SamplingSettings(**{**usual, **known, **preset, **given}))
        return CompleteSampling(**chosen)


@dataclass(frozen=True, kw_only=True)
class CompleteSampling(SamplingSettings):
    """Sampling settings in which nothing is left to choose."""

    steps: int
    guidance_scale: float
    scheduler: SchedulerName
    guidance_start: float
    guidance_stop: float
    deep_every: int


def check_scheduler(name: SchedulerName, steps: int, eta: float = 0.0) -> None:
    """Check what belongs together.

    Raises:
        InputError: The name is unknown, or steps or eta do not go with it.
    """
    if name not in SCHEDULERS:
        raise InputError(f"scheduler must be one of {', '.join(SCHEDULERS)}, got {name!r}")
    if not 1 <= steps <= MOST_STEPS[name]:
        raise InputError(f"steps must be in 1..{MOST_STEPS[name]} for {name}, got {steps}")
    if not 0 <= eta <= 1:
        raise InputError(f"eta must be in 0..1, got {eta}")
    if eta and name != "ddim":
        raise InputError(f"eta belongs to ddim; {name} takes none, leave it at 0")
