"""Put the tensors of weight files into networks: strictly, and one tensor at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..models.denoiser import MagicPoseDenoiser
from ..models.motion import MotionUNet
from ..models.networks import Autoencoder, UNet
from ..models.text import TextEncoder
from ..timing import Stopwatch
from .checkpoint import open_checkpoint
from .contents import PART_TITLES, PARTS, Part, PartName, describe, find_part, find_parts
from .heads import Heads, noted_heads
from .lora import Lora, change, open_loras
from .misfit import compare, wanted_tensors
from .notes import ModelNote, read_note
from .recipes import APPEARANCE, MOTION, POSE, TEXT, UNET, VAE, Network, Recipe, Shape
from .settings import ModelFiles

_log = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class MagicPoseModels:
    """All networks, ready to run.

    Attributes:
        denoiser: U-Net, with a motion module or without, appearance control model and pose
            ControlNet.
        vae: The autoencoder.
        text: The text encoder.
        note: How the model wants to be used, if its file says so.
        motion_note: How the motion module does.
    """

    denoiser: MagicPoseDenoiser
    vae: Autoencoder
    text: TextEncoder
    note: ModelNote | None = None
    motion_note: ModelNote | None = None

    @property
    def noted_sampling(self) -> dict[str, object]:
        """What the note says of sampling, by the settings' names."""
        return {} if self.note is None else self.note.sampling()


@dataclass(frozen=True, kw_only=True)
class OpenModels:
    """Weight files that are open and recognised; no weight has been read yet.

    Attributes:
        files: Where each sub-model comes from.
        parts: The sub-models.
        loras: What is added to the U-Net.
        heads: Numbers of attention heads.
        note: How the model wants to be used, if its file says so.
        motion_note: How the motion module does.
    """

    files: ModelFiles
    parts: Mapping[PartName, Part]
    loras: tuple[Lora, ...]
    heads: Heads
    note: ModelNote | None
    motion_note: ModelNote | None


def open_models(files: ModelFiles) -> OpenModels:
    """Open a model's files and check what can be told without reading weights.

    Raises:
        CheckpointError: A file is absent or damaged, a sub-model is missing, or a LoRA does not
            fit.
    """
    parts = gather_parts(files)
    heads = Heads(unet=files.heads, text=files.text_heads).or_else(
        Heads(
            unet=noted_heads(parts["unet"].file.metadata).unet,
            text=noted_heads(parts["text"].file.metadata).text,
        )
    )
    return OpenModels(
        files=files,
        parts=parts,
        loras=open_loras(files.loras, parts["unet"], heads),
        heads=heads,
        note=read_note(parts["unet"].file),
        motion_note=read_note(parts["motion"].file) if "motion" in parts else None,
    )


def load_models(
    files: ModelFiles | OpenModels,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    stopwatch: Stopwatch | None = None,
) -> MagicPoseModels:
    """Load a whole model from one file or several.

    Args:
        files: Where each sub-model comes from, or the same opened already.
        device: Where the networks go.
        dtype: What their weights are kept in.
        stopwatch: Takes the times of ``opening``, ``building`` and ``reading``.

    Raises:
        CheckpointError: A sub-model is missing, damaged, incomplete or of another architecture, or
            a LoRA does not fit.
        InputError: The motion module is for a U-Net of other widths.
    """
    watch = Stopwatch() if stopwatch is None else stopwatch
    with watch.part("opening"):
        opened = files if isinstance(files, OpenModels) else open_models(files)
    for lora in opened.loras:
        _say_what_is_passed_over(lora)

    def load(recipe: Recipe[Shape, Network], name: PartName) -> Network:
        return load_network(
            recipe,
            opened.parts[name],
            opened.heads,
            device=device,
            dtype=dtype,
            changed=change(opened.loras) if name == "unet" else None,
            stopwatch=watch,
        )

    unet: UNet | MotionUNet = load(UNET, "unet")
    if "motion" in opened.parts:  # it has heads of its own
        motion = load_network(
            MOTION, opened.parts["motion"], device=device, dtype=dtype, stopwatch=watch
        )
        unet = MotionUNet(unet, motion).eval()
    return MagicPoseModels(
        denoiser=MagicPoseDenoiser(unet, load(APPEARANCE, "appearance"), load(POSE, "pose")),
        vae=load(VAE, "vae"),
        text=load(TEXT, "text"),
        note=opened.note,
        motion_note=opened.motion_note,
    )


def gather_parts(files: ModelFiles) -> dict[PartName, Part]:
    """Find each sub-model in the file that is named for it, or else in the checkpoint.

    A motion module takes part only where its file is named, which may be the checkpoint.

    Raises:
        CheckpointError: A sub-model is nowhere; names the setting that adds it.
    """
    base = open_checkpoint(files.checkpoint)
    parts = find_parts(base)
    if not set(parts) & set(PARTS):
        raise CheckpointError(
            f"{base.path.name} is {describe(base)}; expected a MagicPose model or Stable Diffusion "
            "1.5 as the checkpoint"
        )
    parts.pop("motion", None)
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
    "motion": "motion_module",
}


def _say_what_is_passed_over(lora: Lora) -> None:
    if lora.text_keys:
        _log.warning(
            "%s changes the text encoder too; its %d tensors are passed over (%s, ...), those of "
            "the U-Net are added",
            lora.file.path.name,
            len(lora.text_keys),
            lora.text_keys[0],
        )


def load_network(
    recipe: Recipe[Shape, Network],
    part: Part,
    heads: Heads | None = None,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    changed: Callable[[str, Tensor], Tensor] | None = None,
    stopwatch: Stopwatch | None = None,
) -> Network:
    """Load one network, tensor by tensor, ready to run; what nothing reads may be absent.

    Args:
        recipe: Of the sub-model.
        part: The sub-model in its file.
        heads: Numbers of attention heads; None takes those that the file notes.
        device: Where it goes.
        dtype: What its weights are kept in.
        changed: LDM key and stored weight -> the weight to load; it changes no tensor in place.
        stopwatch: Takes the times of ``building``, and of ``reading`` with converting.

    Raises:
        CheckpointError: It is incomplete, or of another architecture.
    """
    watch = Stopwatch() if stopwatch is None else stopwatch
    with watch.part("building"):
        network = recipe.lay_out(part, heads)
        weight_map = recipe.weight_map(network)
        wanted = wanted_tensors(network, weight_map)
    misfit = str(compare(part, wanted, recipe.may_lack))
    if misfit:
        raise CheckpointError(
            f"the {PART_TITLES[part.name]} in {part.file.path.name} does not fit: {misfit}. "
            f"The file seems to be {describe(part.file)}; fetch it again or name another"
        )
    with watch.part("reading"):
        state: dict[str, torch.Tensor] = {}
        for key, (name, shape) in wanted.items():
            if key in part.keys:
                stored = part.file.read(part.keys[key])
                shaped = weight_map.to_diffusers(key, stored)
                wished = shaped if changed is None else changed(key, shaped)
                placed = wished.to(device, dtype)
                if placed.untyped_storage().data_ptr() != stored.untyped_storage().data_ptr():
                    part.file.release(part.keys[key])
            else:
                placed = recipe.absent(key, shape).to(device, dtype)
            if key in weight_map.copies and not torch.equal(placed, state[name]):
                raise CheckpointError(
                    f"{part.file.path.name} holds other numbers under {key} than under "
                    f"{weight_map.copies[key]}, where they must be the same; fetch it again"
                )
            state[name] = placed
        network.load_state_dict(state, strict=True, assign=True)
        return network.to(device).eval().requires_grad_(False)
