"""The folder of a run: what is read and written is checked, and one run at a time works in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..data.tiktok import POSE_PREFIX
from ..files import FilePlan, check_plan, lock_folder, paths
from .config import TrainingConfig
from .latents import check_cache_folder


@contextlib.contextmanager
def own_run_folder(stage: str, config: TrainingConfig) -> Iterator[None]:
    """Keep ``config.output`` to this process; another one that trains there is told of.

    Raises:
        InputError: The trained weights would replace those that the run starts from, or results
            would lie among the frames.
        OutputError: The folder cannot be written to, or another process trains in it.
    """
    start, data = config.start, config.data
    frames = (
        [] if data.folder is None else [data.folder / data.train, data.folder / data.validation]
    )
    maps = [folder.with_name(f"{POSE_PREFIX}{folder.name}") for folder in frames]
    check_plan(
        FilePlan(
            reads=paths(start.checkpoint, start.pose_controlnet, start.vae, frames, maps),
            files=(config.output / f"{stage}.safetensors",),
            places=(config.output,),
            force=True,
        )
    )
    if stage != "vae":
        for name in ("train", "heldout"):
            check_cache_folder(data.cache / name)
    with lock_folder(config.output):
        yield
