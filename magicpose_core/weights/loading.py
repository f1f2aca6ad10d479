"""Put the tensors of weight files into networks: strictly, and one tensor at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from ..errors import CheckpointError
from ..models.appearance import AppearanceControlModel
from ..models.denoiser import MagicPoseDenoiser
from ..models.networks import build_unet, build_vae
from ..models.pose_control import PoseControlNet
from ..models.text import TextEncoder
from .checkpoint import open_checkpoint
from .contents import PART_TITLES, PARTS, Part, PartName, describe, find_part, find_parts
from .infer import (
    HEADS_KEY,
    TEXT_HEADS_KEY,
    controlnet_shape,
    stored_number,
    text_shape,
    unet_shape,
    vae_shape,
)
from .ldm import WeightMap, appearance_map, controlnet_map, text_map, unet_map, vae_map
from .notes import ModelNote, read_note
from .settings import ModelFiles

Network = TypeVar("Network", bound=nn.Module)

_COMPUTED = ("transformer.text_model.embeddings.position_ids",)  # 0..76, counted anew
_OPTIONAL: Mapping[PartName, tuple[str, ...]] = {
    "unet": (),
    "appearance": ("input_hint_block.",),  # never read; absent where a U-Net was the start
    "pose": (),
    "vae": (),
    "text": (),
}


@dataclass(frozen=True, kw_only=True)
class MagicPoseModels:
    """All networks, ready to run.

    Attributes:
        denoiser: U-Net, appearance control model and pose ControlNet.
        vae: The autoencoder.
        text: The text encoder.
        note: How the model wants to be used, if its file says so.
    """

    denoiser: MagicPoseDenoiser
    vae: AutoencoderKL
    text: TextEncoder
    note: ModelNote | None = None

    @property
    def noted_sampling(self) -> dict[str, object]:
        """What the note says of sampling, by the settings' names."""
        return {} if self.note is None else self.note.sampling()


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where networks go and what tensor shapes do not say.

    Attributes:
        device: Where the networks go.
        dtype: What their weights are kept in.
        heads: Attention heads of the U-Nets.
        text_heads: Attention heads of the text encoder; None: see ``infer.text_shape``.
    """

    device: torch.device | str = "cpu"
    dtype: torch.dtype = torch.float32
    heads: int = 8
    text_heads: int | None = None


def load_models(
    files: ModelFiles, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> MagicPoseModels:
    """Load a whole model from one file or several.

    Args:
        files: Where each sub-model comes from.
        device: Where the networks go.
        dtype: What their weights are kept in.

    Raises:
        CheckpointError: A sub-model is missing, damaged, incomplete or of another architecture.
    """
    parts = gather_parts(files)
    metadata = parts["unet"].file.metadata
    placement = Placement(
        device=device,
        dtype=dtype,
        heads=files.heads or stored_number(metadata, HEADS_KEY) or Placement.heads,
        text_heads=files.text_heads or stored_number(parts["text"].file.metadata, TEXT_HEADS_KEY),
    )
    return MagicPoseModels(
        denoiser=MagicPoseDenoiser(
            load_unet(parts["unet"], placement),
            load_appearance(parts["appearance"], placement),
            load_pose(parts["pose"], placement),
        ),
        vae=load_vae(parts["vae"], placement),
        text=load_text(parts["text"], placement),
        note=read_note(open_checkpoint(files.checkpoint)),
    )


def gather_parts(files: ModelFiles) -> dict[PartName, Part]:
    """Find each sub-model in the file that is named for it, or else in the checkpoint.

    Raises:
        CheckpointError: A sub-model is nowhere; names the setting that adds it.
    """
    base = open_checkpoint(files.checkpoint)
    parts = find_parts(base)
    if not parts:
        raise CheckpointError(
            f"{base.path.name} is {describe(base)}; expected a MagicPose model or Stable Diffusion "
            "1.5 as the checkpoint"
        )
    for name, option in _FILE_OF_PART.items():
        path: Path | None = getattr(files, option)
        if path is not None:
            parts[name] = find_part(open_checkpoint(path), name)
    missing = [name for name in PARTS if name not in parts]
    if missing:
        options = ", ".join(_FILE_OF_PART[name] for name in missing if name in _FILE_OF_PART)
        raise CheckpointError(
            f"{base.path.name} is {describe(base)} and lacks the "
            f"{', the '.join(PART_TITLES[name] for name in missing)}; "
            f"{'add ' + options if options else 'give a whole model as the checkpoint'}"
        )
    return parts


_FILE_OF_PART: Mapping[PartName, str] = {  # the field of ModelFiles that names a part's file
    "appearance": "appearance_model",
    "pose": "pose_controlnet",
    "vae": "vae",
}


def load_unet(part: Part, placement: Placement) -> UNet2DConditionModel:
    """Load the U-Net, with the reference attention on every layer."""
    return _fill(*_plan_unet(part, placement), part, placement)


def load_appearance(part: Part, placement: Placement) -> AppearanceControlModel:
    """Load the appearance control model; the hint block that it never uses may be absent."""
    return _fill(*_plan_appearance(part, placement), part, placement)


def load_pose(part: Part, placement: Placement) -> PoseControlNet:
    """Load the pose ControlNet."""
    return _fill(*_plan_pose(part, placement), part, placement)


def load_vae(part: Part, placement: Placement) -> AutoencoderKL:
    """Load the autoencoder."""
    return _fill(*_plan_vae(part, placement), part, placement)


def load_text(part: Part, placement: Placement) -> TextEncoder:
    """Load the text encoder."""
    return _fill(*_plan_text(part, placement), part, placement)


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Where a stored sub-model differs from the network that its shapes ask for, by LDM key."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line; empty where all is well."""
        return "; ".join(
            f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
            for what, keys in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("of another shape", self.reshaped),
            )
            if keys
        )


def why_it_does_not_load(part: Part) -> str:
    """Say in one line what keeps a stored sub-model from being loaded; empty where nothing does."""
    try:
        return str(find_misfit(part))
    except CheckpointError as error:
        return str(error)


def find_misfit(part: Part) -> Misfit:
    """Compare a stored sub-model with the network that its shapes ask for.

    Raises:
        CheckpointError: So much is missing that the architecture cannot be told.
    """
    metadata = part.file.metadata
    noted = Placement(
        heads=stored_number(metadata, HEADS_KEY) or Placement.heads,
        text_heads=stored_number(metadata, TEXT_HEADS_KEY),
    )
    network, weight_map = _PLANS[part.name](part, noted)
    return _misfit(part, _wanted(network, weight_map))


def _plan_unet(part: Part, placement: Placement) -> tuple[UNet2DConditionModel, WeightMap]:
    with _telling_shapes(part), torch.device("meta"):
        shape = unet_shape(part.shapes, heads=placement.heads)
        return build_unet(shape), unet_map(shape)


def _plan_appearance(part: Part, placement: Placement) -> tuple[AppearanceControlModel, WeightMap]:
    with _telling_shapes(part), torch.device("meta"):
        shape = controlnet_shape(part.shapes, heads=placement.heads)
        return AppearanceControlModel(shape), appearance_map(shape.unet)


def _plan_pose(part: Part, placement: Placement) -> tuple[PoseControlNet, WeightMap]:
    with _telling_shapes(part), torch.device("meta"):
        shape = controlnet_shape(part.shapes, heads=placement.heads)
        return PoseControlNet(shape), controlnet_map(shape)


def _plan_vae(part: Part, placement: Placement) -> tuple[AutoencoderKL, WeightMap]:
    with _telling_shapes(part), torch.device("meta"):
        shape = vae_shape(part.shapes)
        return build_vae(shape), vae_map(shape)


def _plan_text(part: Part, placement: Placement) -> tuple[TextEncoder, WeightMap]:
    with _telling_shapes(part), torch.device("meta"):
        text = TextEncoder(text_shape(part.shapes, heads=placement.text_heads))
        return text, text_map(text.level)


_PLANS: Mapping[PartName, Callable[[Part, Placement], tuple[nn.Module, WeightMap]]] = {
    "unet": _plan_unet,
    "appearance": _plan_appearance,
    "pose": _plan_pose,
    "vae": _plan_vae,
    "text": _plan_text,
}


@contextmanager
def _telling_shapes(part: Part) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"the {PART_TITLES[part.name]} in {part.file.path.name} is incomplete or of another "
            f"architecture ({reason}); the file seems to be {describe(part.file)}; fetch it again "
            "or name another"
        ) from error


def _fill(network: Network, weight_map: WeightMap, part: Part, placement: Placement) -> Network:
    """Fill a network strictly, tensor by tensor; what may be absent becomes zero."""
    wanted = _wanted(network, weight_map)
    misfit = str(_misfit(part, wanted))
    if misfit:
        raise CheckpointError(
            f"the {PART_TITLES[part.name]} in {part.file.path.name} does not fit: {misfit}. "
            f"The file seems to be {describe(part.file)}; fetch it again or name another"
        )
    state = {}
    for key, (name, shape) in wanted.items():
        if key in part.keys:
            stored = weight_map.to_diffusers(key, part.file.read(part.keys[key]))
        else:
            stored = torch.zeros(shape)
        state[name] = stored.to(placement.device, placement.dtype)
    network.load_state_dict(state, strict=True, assign=True)
    return network.to(placement.device).eval().requires_grad_(False)


def _wanted(network: nn.Module, weight_map: WeightMap) -> dict[str, tuple[str, tuple[int, ...]]]:
    """List what a network needs: LDM key -> its own name and shape."""
    return {
        weight_map.ldm_key(name) or name: (name, tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
    }


def _misfit(part: Part, wanted: Mapping[str, tuple[str, tuple[int, ...]]]) -> Misfit:
    absent = [key for key in wanted if key not in part.keys]
    return Misfit(
        missing=tuple(key for key in absent if not key.startswith(_OPTIONAL[part.name])),
        unexpected=tuple(key for key in part.keys if key not in wanted and key not in _COMPUTED),
        reshaped=tuple(
            f"{key} {shape}, expected {wanted[key][1]}"
            for key, shape in part.shapes.items()
            if key in wanted and _squeezed(shape) != _squeezed(wanted[key][1])
        ),
    )


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A 1x1 convolution and a matrix hold the same numbers."""
    return shape[:2] if shape[2:] == (1, 1) else shape
