"""What a training run is: the tables of its TOML file, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..data.dancers.framing import Framing
from ..errors import InputError
from ..models.motion_plan import MotionShape
from ..models.sd15 import LATENT_STRIDE, NORM_GROUPS, UNetShape, VaeShape
from ..sizes import LONGEST_SIDE
from .toml_tables import parse, read_toml

_MOST_CHANNELS, _MOST_RESNETS = 8192, 16
_MOST_POSITIONS = 1024
_LARGEST_SEED = 2**63 - 1
_MOST_WORKERS = 256


def _refuse_below_one(config: object, table: str, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise InputError(f"{table}.{name} must be at least 1, got {getattr(config, name)}")


def _refuse_outside(config: object, table: str, low: float, high: float, *names: str) -> None:
    for name in names:
        if not low <= getattr(config, name) <= high:
            raise InputError(
                f"{table}.{name} must be in {low:g}..{high:g}, got {getattr(config, name)}"
            )


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the people come from.

    Attributes:
        source: ``dancers`` are drawn; ``tiktok`` is a folder in the authors' layout.
        folder: Root of the authors' layout; not for dancers.
        train: Name of the folder with the training frames.
        validation: Name of the folder with the frames of other people.
        cache: Folder for the latents and pose maps, computed once; see ``training.latents``.
        size: Side of the square pictures in pixels.
        framing: How close the dancers are: ``mixed``, ``full``, ``three_quarter`` or ``waist``.
        crop: Side of the random squares that the autoencoder learns from, every other one on a
            face; 0 takes whole pictures.
        people: Dancers to draw.
        frames: Frames of each dancer.
        clip: Frames in a row of the clips that stage 3 learns from.
        heldout: Dancers or subjects kept for validation.
        near_uniform: A picture is left out if its most frequent grey level (of 256) covers more
            than this share of it.
    """

    source: Literal["dancers", "tiktok"] = "tiktok"
    folder: Path | None = None
    train: str = "train_set"
    validation: str = "val_set"
    cache: Path = Path("runs/cache")
    size: int = 512
    framing: Framing = "mixed"
    crop: int = 0
    people: int = 2000
    frames: int = 8
    clip: int = 16
    heldout: int = 32
    near_uniform: float = 0.8

    def __post_init__(self) -> None:
        """Refuse sizes that no network takes."""
        for name in ("size", "crop"):
            side = getattr(self, name)
            if side % LATENT_STRIDE:
                raise InputError(f"data.{name} must be a multiple of {LATENT_STRIDE}, got {side}")
        if not 0 <= self.crop <= self.size:
            raise InputError(f"data.crop must be 0..{self.size} (data.size), got {self.crop}")
        _refuse_below_one(self, "data", "size", "people", "frames", "clip", "heldout")
        _refuse_outside(self, "data", LATENT_STRIDE, LONGEST_SIDE, "size")
        _refuse_outside(self, "data", 0, 1, "near_uniform")


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """Which weights a run starts from.

    Attributes:
        checkpoint: Whole model, stage-1 file, control_sd15_ini or Stable Diffusion 1.5; None
            draws random weights of the shapes in ``[network]``.
        pose_controlnet: A pose ControlNet (control_v11p_sd15_openpose); None takes the
            checkpoint's, or else a copy of the U-Net with zero convolutions.
        vae: An autoencoder; None takes the checkpoint's.
        motion_module: A motion module for stage 3 to go on with; None starts one that does nothing
            yet, of the shape in ``[network]``.
    """

    checkpoint: Path | None = None
    pose_controlnet: Path | None = None
    vae: Path | None = None
    motion_module: Path | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Shapes of networks that start from random weights.

    Attributes:
        channels: Channels of each level of the U-Net, the appearance model and the ControlNet.
        heads: Attention heads.
        text_width: Width of the text encoder, which only ever reads the empty prompt.
        vae_channels: Channels of each level of the autoencoder.
        vae_resnets: ResBlocks per level of the autoencoder.
        motion_positions: Frames that a motion module can tell apart.
        motion_middle: Whether it has a module in the middle block, too (AnimateDiff v2).
    """

    channels: tuple[int, ...] = UNetShape.channels
    heads: int = UNetShape.heads
    text_width: int = UNetShape.context
    vae_channels: tuple[int, ...] = VaeShape.channels
    vae_resnets: int = VaeShape.resnets
    motion_positions: int = MotionShape.positions
    motion_middle: bool = True

    def __post_init__(self) -> None:
        """Refuse shapes of which no network can be built."""
        if len(self.channels) != len(UNetShape.attention) or not self.vae_channels:
            raise InputError(
                f"network.channels must name {len(UNetShape.attention)} levels and "
                f"network.vae_channels one at least, got {len(self.channels)} "
                f"and {len(self.vae_channels)}"
            )
        for name in ("channels", "vae_channels"):
            for count in getattr(self, name):
                if count % NORM_GROUPS or not 0 < count <= _MOST_CHANNELS:
                    raise InputError(
                        f"network.{name} must be multiples of {NORM_GROUPS} up to "
                        f"{_MOST_CHANNELS}, got {count}"
                    )
        _refuse_outside(self, "network", 1, min(self.channels), "heads")
        _refuse_outside(self, "network", 1, _MOST_CHANNELS, "text_width")
        _refuse_outside(self, "network", 1, _MOST_RESNETS, "vae_resnets")
        _refuse_outside(self, "network", 1, _MOST_POSITIONS, "motion_positions")
        if any(count % self.heads for count in self.channels):
            raise InputError(
                f"network.heads must divide each of network.channels {self.channels}, got "
                f"{self.heads}"
            )


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """How weights are stepped; the defaults are the paper's.

    Attributes:
        kind: ``adamw``, or ``muon``, with which networks from random weights learn in fewer steps.
        learning_rate: After the warm-up.
        betas: Of AdamW.
        weight_decay: Decoupled.
        clip: Largest norm of all gradients together, taken after unscaling.
        batch: Pairs per process and forward pass.
        accumulate: Forward passes per step.
        warmup: Steps over which the learning rate rises from 0.
        schedule: ``constant``, or ``cosine`` down to a twentieth at the last step.
        ema: Decay of the averaged weights; 0 keeps none.
        eight_bit: Keep AdamW's moments in 8 bits (bitsandbytes, CUDA only).
        moments_folder: Keep AdamW's moments in memory-mapped files there, which the system may
            write out when memory runs short (CPU only); None keeps them in memory.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 1e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float = 0.5
    batch: int = 8
    accumulate: int = 1
    warmup: int = 0
    schedule: Literal["constant", "cosine"] = "constant"
    ema: float = 0.0
    eight_bit: bool = False
    moments_folder: Path | None = None

    def __post_init__(self) -> None:
        """Refuse steps without pairs."""
        _refuse_below_one(self, "optimizer", "batch", "accumulate")
        _refuse_outside(self, "optimizer", 0, float("inf"), "learning_rate", "weight_decay", "clip")
        _refuse_outside(self, "optimizer", 0, float("inf"), "warmup")
        for name, shares in (("betas", self.betas), ("ema", (self.ema,))):
            if not all(0 <= share < 1 for share in shares):
                raise InputError(f"optimizer.{name} must be in 0..1 (1 left out), got {shares}")


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """What is learned.

    Attributes:
        parts: What the ``base`` stage trains; the paper's stages name theirs themselves.
        wonoise: Show the reference clean; otherwise with the target's own noise.
        plain_share: Share of each batch that the U-Net sees alone, so that guidance has a model
            to step away from. 0 in the paper, whose U-Net is trained already.
        one_noise_share: Chance that the frames of a clip of stage 3 all have one noise, as they
            have when a clip is rendered; otherwise a part is common, drawn uniformly from 0..1.
        changes: Weight in stage 3 of how errors change from frame to frame, on top of the errors
            themselves: what flickers, apart from what is wrong in all frames alike. 0 in the paper.
        plain_clips: Chance that the U-Net sees a clip of stage 3 alone, as guidance's other half.
        own_renderings: Chance that a clip of stage 3 is learned from where the model's own
            rendering of it stands, at run.guidance_scale, instead of from the truth with noise: the
            module then sees the errors that it is there to calm. 0 in the paper.
        weighting: Of the timesteps: ``uniform`` as in the paper, or ``debiased``, which counts
            what an error of the noise does to the picture.
        offset_noise: Standard deviation of an offset of each channel's noise, so that the mean of
            a channel has to be taken from the reference; 0 in the paper.
        kl: Weight of the autoencoder's Kullback-Leibler term.
        edges: Weight of the autoencoder's error between neighbouring pixels.
        faces: Weight of errors in a face, on top of 1: of the autoencoder in a face's box, of the
            noise where a pose map shows face points, in all stages but stage 3. 0 in the paper.
        linear_code: Train the halves of the autoencoder apart, against a linear code; a start.
        frozen_encoder: Train the autoencoder's decoder alone; latents stay what they are, so that
            models that learned on them can take the better decoder.
    """

    parts: tuple[Literal["unet", "appearance", "pose"], ...] = ("unet", "appearance", "pose")
    wonoise: bool = True
    plain_share: float = 0.0
    one_noise_share: float = 0.5
    changes: float = 0.0
    plain_clips: float = 0.125
    own_renderings: float = 0.0
    weighting: Literal["uniform", "debiased"] = "uniform"
    offset_noise: float = 0.0
    kl: float = 1e-6
    edges: float = 0.5
    faces: float = 0.0
    linear_code: bool = False
    frozen_encoder: bool = False

    def __post_init__(self) -> None:
        """Refuse shares and weights that mean nothing."""
        shares = ("plain_share", "plain_clips", "one_noise_share", "own_renderings")
        _refuse_outside(self, "objective", 0, 1, *shares)
        _refuse_outside(
            self,
            "objective",
            0,
            float("inf"),
            *("offset_noise", "changes", "kl", "edges", "faces"),
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How the machine is used and what is written down.

    Attributes:
        steps: Optimizer steps of the whole run.
        seed: Of every random number.
        mixed_precision: Of the forward and backward pass.
        frozen_dtype: What frozen weights are kept in.
        gradient_checkpointing: Trade time for memory.
        save_every: Steps between checkpoints.
        validate_every: Steps between validations.
        sample_every: Steps between pictures; 0 makes none.
        guidance_scale: Of those pictures, and of the own renderings that stage 3 learns from.
        world_size: Processes that must take part; a launcher that starts fewer is an error.
        cuda_graphs: Launch a whole step as one; for networks so small that a GPU waits
            for the processor. Of ``base``, ``stage1``, ``stage2``, and ``stage3`` from its own
            renderings alone; in full precision or bf16.
        workers: Processes beside each of these that draw frames and make batches ahead; None takes
            all cores but one where a GPU trains, and none on a CPU. The numbers are the same.
    """

    steps: int = 100_000
    seed: int = 42
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    frozen_dtype: Literal["fp32", "bf16", "fp16"] = "fp32"
    gradient_checkpointing: bool = False
    save_every: int = 10_000
    validate_every: int = 1_000
    sample_every: int = 1_000
    guidance_scale: float = 7.0
    world_size: int = 1
    cuda_graphs: bool = False
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse runs that never do what they shall do every so often."""
        _refuse_below_one(self, "run", "steps", "save_every", "validate_every", "world_size")
        _refuse_outside(self, "run", 0, float("inf"), "sample_every", "guidance_scale")
        _refuse_outside(self, "run", 0, _LARGEST_SEED, "seed")
        if self.workers is not None:
            _refuse_outside(self, "run", 0, _MOST_WORKERS, "workers")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """A whole run; each attribute is a table of the TOML file, ``output`` a top-level key.

    Attributes:
        output: Folder of checkpoints, curves and pictures.
    """

    output: Path
    data: DataConfig = DataConfig()
    start: StartConfig = StartConfig()
    network: NetworkConfig = NetworkConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    run: RunConfig = RunConfig()

    def __post_init__(self) -> None:
        """Refuse a share of the batch that is less than half a row."""
        share, batch = self.objective.plain_share, self.optimizer.batch
        if share > 0 and round(share * batch) == 0:
            raise InputError(
                f"objective.plain_share {share} of optimizer.batch {batch} is no row at all; "
                f"set it to {1 / batch:.3g} at least, or to 0"
            )


def read_config(path: Path) -> TrainingConfig:
    """Read a training configuration.

    Raises:
        InputError: The file is absent or no TOML, a key is unknown, or a value has another type.
    """
    return parse(TrainingConfig, read_toml(path), path.name)
