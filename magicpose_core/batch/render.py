"""Render a job with a loaded model, and write the clip and its record as one result."""

from __future__ import annotations

import errno
import json
import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..clip import RenderedClip, checked_fps
from ..errors import InputError, MagicPoseError, one_line
from ..files import FilePlan, check_plan, disk_errors_named, lock_file, open_result, paths
from ..pipeline import MagicPosePipeline
from ..pipeline_loading import load_pipeline
from ..sampling.settings import SamplingSettings
from ..sizes import default_size
from ..video.sound import has_sound
from ..video.writer import open_mp4, open_png_folder
from ..weights.settings import ModelFiles
from .fingerprint import Conditions, settings_of_job
from .job import Job, Outcome
from .records import look_for, make_record
from .warned import collected_warnings

_log = logging.getLogger("magicpose")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a process needs to render jobs; it can be sent to another one.

    Attributes:
        files: The weights.
        tokenizer: Folder of the tokenizer, for prompts.
        conditions: Of the batch; ``device`` names the kind.
        force: Replace clips that were made otherwise.
    """

    files: ModelFiles
    tokenizer: Path | None
    conditions: Conditions
    force: bool = False


class Renderer:
    """A loaded model that renders one job after the other."""

    def __init__(self, setup: Setup, device: str) -> None:
        """Load the model.

        Args:
            setup: What to load, and how.
            device: Where to: ``cpu``, ``cuda:1``.
        """
        if setup.conditions.threads is not None:
            torch.set_num_threads(setup.conditions.threads)
        self._setup = setup
        dtype: Any = setup.conditions.dtype
        self._pipeline: MagicPosePipeline = load_pipeline(
            setup.files, tokenizer=setup.tokenizer, device=device, dtype=dtype
        )

    def run(self, job: Job) -> Outcome:
        """Render a job; what goes wrong is told in the outcome, and only Ctrl-C is raised."""
        with collected_warnings() as warnings:
            outcome = self._run(job)
        return replace(outcome, warnings=tuple(warnings))

    def _run(self, job: Job) -> Outcome:
        started = time.monotonic()
        try:
            with lock_file(job.lock, of=job.out):
                found = look_for(job, self._setup.conditions, self._settings(job))
                if found.state == "whole":  # another process was faster
                    return Outcome(name=job.name, status="kept", frames=found.frames)
                if found.state == "other" and not self._setup.force:
                    raise InputError(f"{found.reason}; set force to render it again")
                frames = self._render(job)
        except Exception as error:  # noqa: BLE001 - one clip's error must not end the others
            return _failed(job, error, time.monotonic() - started)
        seconds = time.monotonic() - started
        return Outcome(name=job.name, status="rendered", frames=frames, seconds=seconds)

    def _settings(self, job: Job) -> Any:
        note, noted = self._pipeline.models.note, self._pipeline.models.noted_sampling
        return settings_of_job(job, size=default_size(note), noted=noted)

    def _sampling(self, job: Job, frames_per_batch: int) -> SamplingSettings:
        """Fix how many frames go together, but for a motion module's windows, which are whole."""
        if self._pipeline.models.denoiser.motion is not None:
            return job.sampling
        return replace(job.sampling, frames_per_batch=frames_per_batch)

    def _render(self, job: Job) -> int:
        settings = self._settings(job)
        width, height = settings["size"]
        check_plan(
            FilePlan(
                reads=paths(job.reference, job.poses),
                files=(job.record, job.out) if job.out.suffix else (job.record,),
                folders=() if job.out.suffix else (job.out,),
                force=True,
            )
        )
        clip = self._pipeline.render(
            list(job.reference),
            job.source,
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            size=(width, height),
            fit=job.fit,
            settings=self._sampling(job, settings["sampling"]["frames_per_batch"]),
            pose_settings=job.pose_settings,
        )
        record = make_record(job, self._setup.conditions, settings)
        write_clip(clip, job, record)
        return len(clip)


def write_clip(clip: RenderedClip, job: Job, record: dict[str, Any]) -> None:
    """Write a clip and its record; both appear together, or neither.

    Raises:
        InputError: There are more or fewer names than frames.
        OutputError: The disk is full.
    """
    names = job.frame_names or tuple(f"{number:05d}" for number in range(len(clip)))
    if len(names) != len(clip):
        raise InputError(f"{job.name} has {len(clip)} frames and {len(names)} names for them")
    with (
        disk_errors_named(job.out),
        open_result([job.out, job.record]) as staged,
        ExitStack() as opened,
    ):
        place = staged(job.out)
        if job.out.suffix:
            fps = checked_fps(clip.fps if job.fps is None else job.fps)
            write = opened.enter_context(open_mp4(place, fps=fps, sound=_sound(job, clip.fps)))
        else:
            write = opened.enter_context(open_png_folder(place, names))
        for frame in clip:
            write(frame)
        opened.close()
        kept = len(clip) if job.out.suffix else list(names)
        text = json.dumps({**record, "frames": kept}, indent=1) + "\n"
        staged(job.record).write_text(text, encoding="utf-8")


def _sound(job: Job, fps: float) -> Path | None:
    """Choose the file whose sound goes along: the one named, or the dance at its own speed."""
    if job.no_audio or job.audio is not None:
        return None if job.no_audio else job.audio
    if not has_sound(job.poses):
        return None
    if job.fps not in (None, fps):
        _log.warning("its sound is left out, since fps changes the dance's speed")
        return None
    return job.poses


def _failed(job: Job, error: Exception, seconds: float) -> Outcome:
    told = str(error) if isinstance(error, MagicPoseError) else f"{type(error).__name__}: {error}"
    if not isinstance(error, MagicPoseError):
        _log.debug("%s", job.name, exc_info=error)
    return Outcome(
        name=job.name,
        status="failed",
        seconds=seconds,
        error=one_line(told, most=500),
        ends_all=_disk_is_full(error),
    )


def _disk_is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False
