"""The front door: a model is loaded once, and renders any number of clips.

pipeline = load_pipeline("magicpose.safetensors")
poses = read_poses("dance.json")
clip = pipeline.render("person.png", poses)
clip.save("clip.mp4")
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from .demo.model import demo_checkpoint
from .errors import InputError
from .models.device import dtype_reason
from .pipeline import MagicPosePipeline
from .placement import choose_placement
from .poses import PathLike
from .timing import Stopwatch
from .weights.convert import DtypeName
from .weights.loading import OpenModels, load_models, open_models
from .weights.settings import LoraFile, ModelFiles

_log = logging.getLogger("magicpose")


def load_pipeline(  # noqa: PLR0913 - one argument for each thing that a user chooses
    checkpoint: PathLike | ModelFiles | OpenModels | None = None,
    *,
    appearance_model: PathLike | None = None,
    pose_controlnet: PathLike | None = None,
    vae: PathLike | None = None,
    motion_module: PathLike | None = None,
    loras: Sequence[PathLike | LoraFile] = (),
    tokenizer: PathLike | None = None,
    device: str | torch.device | None = None,
    dtype: DtypeName | torch.dtype | None = None,
    stopwatch: Stopwatch | None = None,
) -> MagicPosePipeline:
    """Load a model.

    Args:
        checkpoint: The whole model, or the Stable Diffusion 1.5 that the parts go with; None takes
            the small demo model of the package. ``ModelFiles`` say more; what ``open_models`` has
            opened is not opened again.
        appearance_model: File of the appearance control model.
        pose_controlnet: File of the pose ControlNet.
        vae: File of the autoencoder.
        motion_module: File of a motion module, through which the frames of a window see each other.
        loras: LoRAs that are added to the U-Net, one after the other: files, or ``LoraFile`` with a
            strength.
        tokenizer: Folder with ``vocab.json`` and ``merges.txt``, needed for prompts alone; None
            looks into the checkpoint where that is a diffusers folder.
        device: None takes the best there is: CUDA, Apple's MPS, the CPU.
        dtype: fp32, bf16 or fp16; None takes what is fastest: on a CPU by a measurement that is
            made once and remembered, on GPUs by what they multiply in hardware.
        stopwatch: Takes the times of loading; the settings of clips show them.

    Raises:
        CheckpointError: A file is absent, damaged, or lacks a part.
        InputError: The device is not there.

    Example:
        >>> pipeline = load_pipeline("magicpose.safetensors")
    """
    if isinstance(checkpoint, ModelFiles | OpenModels):
        if loras:
            raise InputError("loras do nothing beside ModelFiles; name them in its loras")
        files = checkpoint
    else:
        files = ModelFiles(
            checkpoint=demo_checkpoint() if checkpoint is None else Path(checkpoint),
            appearance_model=_path(appearance_model),
            pose_controlnet=_path(pose_controlnet),
            vae=_path(vae),
            motion_module=_path(motion_module),
            loras=tuple(
                each if isinstance(each, LoraFile) else LoraFile(file=Path(each)) for each in loras
            ),
        )
    place, kind = choose_placement(device, dtype)
    watch = Stopwatch() if stopwatch is None else stopwatch
    with watch.part("opening"):
        opened = files if isinstance(files, OpenModels) else open_models(files)
    models = load_models(opened, device=place, dtype=kind, stopwatch=watch)
    if models.note is not None:
        _log.info("the model is for %s", models.note)
    return MagicPosePipeline(
        models,
        files=opened.files,
        tokenizer=_find_tokenizer(opened.files, tokenizer),
        dtype_from="named" if dtype is not None else dtype_reason(place),
        loading=watch,
    )


def _path(given: PathLike | None) -> Path | None:
    return None if given is None else Path(given)


def _find_tokenizer(files: ModelFiles, tokenizer: PathLike | None) -> Path | None:
    beside = files.checkpoint / "tokenizer"
    if tokenizer is None and beside.is_dir():
        return beside
    return _path(tokenizer)
