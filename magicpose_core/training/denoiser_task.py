"""The stages that learn to predict noise: the base model, stage 1 and stage 2."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..data.dancers.subjects import dancer_subjects
from ..data.frames import Subjects
from ..data.tiktok import tiktok_subjects
from ..errors import InputError
from ..images import from_uint8, signed_to_unit
from ..models.denoiser import MagicPoseDenoiser
from ..models.posterior import sample_posterior
from ..models.sd15 import LATENT_SCALE
from ..models.vae import decode
from ..pipeline import MagicPosePipeline
from ..sampling.settings import SamplingSettings
from ..weights.contents import RELEASED_PREFIXES
from ..weights.convert import DTYPES
from ..weights.heads import Heads
from ..weights.loading import MagicPoseModels
from .ahead import choose_workers
from .checkpoints import LAST, trained_weights
from .config import DataConfig, TrainingConfig
from .export import STAGE1_PREFIXES, denoiser_parts, export
from .latents import LatentCache, open_cache
from .loop import Batch, Task
from .objective import NoiseObjective
from .pairs import complete_pairs, draw_pairs, validation_batch
from .stages import Stage
from .start import start_models

_VALIDATION_ROWS = 16
_SHOWN = 6
_SHOWN_STEPS = 20


def denoiser_task(
    config: TrainingConfig,
    stage: Stage,
    models: MagicPoseModels,
    caches: tuple[LatentCache, LatentCache],
    rank: int,
) -> Task:
    """Set a stage up.

    Args:
        config: The run.
        stage: What trains.
        models: Trained in place; what is frozen is in its dtype already.
        caches: Frames of the training people of this process, and of held-out people.
        rank: Number of this process.
    """
    train, heldout = caches
    with torch.no_grad():
        text = models.text.empty_prompt()
    objective = NoiseObjective(models.denoiser, stage, text, config.objective)
    if config.run.gradient_checkpointing:
        enable_checkpointing(models.denoiser)
    fixed = validation_batch(heldout, config.run.seed)

    def drawn_at(number: int) -> Batch:
        place = (config.run.seed, rank, number)
        return draw_pairs(train, config.optimizer.batch, place, config.objective.offset_noise)

    task = Task(
        stage=stage.name,
        objective=objective,
        batch_at=lambda number: complete_pairs(train, drawn_at(number)),
        validate=lambda: _validate(objective, fixed),
        draw=lambda: draw_samples(models, heldout, config),
    )
    if not config.run.cuda_graphs:
        return task
    frames = train.on_device(models.vae.device)
    return replace(task, batch_at=drawn_at, complete=partial(complete_pairs, frames))


def open_caches(
    config: TrainingConfig, models: MagicPoseModels, subjects: tuple[Subjects, Subjects]
) -> tuple[LatentCache, LatentCache]:
    """Open the latents of the training people and of the held-out ones."""
    # what is drawn can be drawn by many; videos are read once, in order, and are long
    drawn = config.data.source == "dancers"
    workers = choose_workers(config.run.workers, models.vae.device) if drawn else 0
    train, heldout = (
        open_cache(config.data.cache / name, people, models.vae, config.data.size, workers)
        for name, people in zip(("train", "heldout"), subjects, strict=True)
    )
    return train, heldout


def find_subjects(data: DataConfig, seed: int, *, clips: bool = False) -> tuple[Subjects, Subjects]:
    """List the training people and the held-out ones.

    Args:
        data: Where they come from.
        seed: Of the crops.
        clips: Whether frames in a row are wanted: dancers dance, and a subject has one crop.

    Raises:
        InputError: The data's folder is not named or not there.
    """
    if data.source == "dancers":
        return (
            dancer_subjects("train", data.people, data.frames, data.size, data.framing, clips),
            dancer_subjects("heldout", data.heldout, data.frames, data.size, data.framing, clips),
        )
    if data.folder is None:
        raise InputError("data.folder is not set; name the folder with train_set and its pose maps")
    train = tiktok_subjects(
        data.folder,
        data.train,
        size=data.size,
        near_uniform=data.near_uniform,
        seed=seed,
        steady=clips,
    )
    heldout = tiktok_subjects(
        data.folder,
        data.validation,
        size=data.size,
        near_uniform=data.near_uniform,
        seed=None,
    )
    return train, heldout[: data.heldout]


def keep_frozen_in(denoiser: MagicPoseDenoiser, config: TrainingConfig) -> None:
    """Keep wholly frozen networks in the dtype that the configuration names.

    Raises:
        InputError: Half precision meets a run that is not in mixed precision.
    """
    if config.run.frozen_dtype != "fp32" and config.run.mixed_precision == "no":
        raise InputError(
            f"run.frozen_dtype {config.run.frozen_dtype} needs run.mixed_precision bf16 or fp16"
        )
    for network in denoiser.children():
        if not any(parameter.requires_grad for parameter in network.parameters()):
            for parameter in network.parameters():
                parameter.data = parameter.data.to(DTYPES[config.run.frozen_dtype])


def enable_checkpointing(denoiser: MagicPoseDenoiser) -> None:
    """Recompute activations in the backward pass instead of keeping them."""
    denoiser.unet.enable_gradient_checkpointing()
    if denoiser.appearance is not None:
        denoiser.appearance.enable_gradient_checkpointing()
    if denoiser.pose is not None:
        denoiser.pose.controlnet.enable_gradient_checkpointing()


def draw_samples(models: MagicPoseModels, heldout: LatentCache, config: TrainingConfig) -> Tensor:
    """Render held-out people: reference, pose, result and truth below each other.

    Returns:
        (3, 4 S, columns S) in [0, 1].
    """
    sampling = SamplingSettings(
        steps=_SHOWN_STEPS, guidance_scale=config.run.guidance_scale, seed=config.run.seed
    )
    pipeline = MagicPosePipeline(models)
    columns = []
    for first, end in heldout.bounds[:_SHOWN].tolist():
        reference, truth = (_decoded(models, heldout, frame) for frame in (first, end - 1))
        pose_maps = heldout.pose_maps[end - 1 : end]
        size = (pose_maps.shape[2], pose_maps.shape[1])
        (result,) = pipeline.render(reference, pose_maps, size=size, settings=sampling).tensors()
        rows = [reference[0], from_uint8(pose_maps)[0], result.cpu(), truth[0]]
        columns.append(torch.cat(rows, dim=1))
    return torch.cat(columns, dim=2)


def export_denoiser(config: TrainingConfig, stage: Stage) -> Path:
    """Export the trained networks with the frozen ones they need, in the released key layout.

    The frozen ones are read anew from where the run started, so that they leave it bit for bit as
    they came, whatever dtype they were kept in meanwhile.

    Returns:
        ``<output>/<stage>.safetensors``.
    """
    models = start_models(config, stage)
    objective_names = trained_weights(config.output / LAST)
    state = {name.removeprefix("denoiser."): value for name, value in objective_names.items()}
    models.denoiser.load_state_dict(state, strict=False)
    return export(
        config.output / f"{stage.name}.safetensors",
        {**denoiser_parts(models.denoiser), "vae": models.vae, "text": models.text},
        dtype=torch.float32,
        heads=Heads(unet=models.denoiser.unet.shape.heads, text=models.text.shape.heads),
        prefixes=STAGE1_PREFIXES if stage.name == "stage1" else RELEASED_PREFIXES,
    )


def _validate(objective: NoiseObjective, fixed: Batch) -> float:
    device = objective.text.device
    rows = len(fixed["noise"])
    total = 0.0
    for start in range(0, rows, _VALIDATION_ROWS):
        part = {k: v[start : start + _VALIDATION_ROWS].to(device) for k, v in fixed.items()}
        total += float(objective.error(part)) * len(part["noise"])
    return total / rows


def _decoded(models: MagicPoseModels, cache: LatentCache, frame: int) -> Tensor:
    """Decode the mean of a frame -> (1, 3, H, W) in [0, 1]."""
    mean = sample_posterior(torch.from_numpy(cache.moments[[frame]]).float(), None)
    return signed_to_unit(decode(models.vae, mean * LATENT_SCALE)).cpu()
