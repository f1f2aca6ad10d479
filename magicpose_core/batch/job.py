"""One clip of a batch, and what came of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..clip_settings import Fit
from ..poses import PoseSettings
from ..sampling.settings import SamplingSettings

Status = Literal["rendered", "kept", "failed"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A clip to render.

    Attributes:
        name: Of the clip, as messages call it: its path in the folder of results.
        reference: Pictures of the person.
        poses: Pose maps, keypoints or a video, as ``prepare_poses`` takes them.
        pose_files: Names of the maps in the folder ``poses``, in order; empty takes what is there.
        out: NAME.mp4, or a folder for PNG frames.
        frame_names: Stems of the PNG frames; empty numbers them.
        reference_frame: Stem of the true frame that is the reference, where it is one.
        prompt: Text.
        negative_prompt: Text of guidance's other half.
        size: (width, height) in pixels; None takes the model's own.
        fit: How pictures and maps of another shape get there.
        fps: Of an MP4; None takes that of the poses.
        audio: File whose sound goes into an MP4; None takes that of a video in ``poses``.
        no_audio: Write an MP4 without sound.
        sampling: How to sample.
        pose_settings: What is done to the poses.
    """

    name: str
    reference: tuple[Path, ...]
    poses: Path
    out: Path
    pose_files: tuple[str, ...] = ()
    frame_names: tuple[str, ...] = ()
    reference_frame: str | None = None
    prompt: str = ""
    negative_prompt: str = ""
    size: tuple[int, int] | None = None
    fit: Fit = "crop"
    fps: float | None = None
    audio: Path | None = None
    no_audio: bool = False
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    pose_settings: PoseSettings = field(default_factory=PoseSettings)

    @property
    def record(self) -> Path:
        """The file beside the clip that says what made it."""
        return self.out.with_name(f"{self.out.name.removesuffix('.mp4')}.json")

    @property
    def lock(self) -> Path:
        """The file that is there while a process renders the clip."""
        return self.out.with_name(f".{self.out.name}.lock")

    @property
    def source(self) -> Path | list[Path]:
        """The poses as the pipeline takes them."""
        return [self.poses / name for name in self.pose_files] if self.pose_files else self.poses


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    Attributes:
        name: The job's.
        status: ``rendered`` now, ``kept`` from an earlier run, or ``failed``.
        frames: Of the clip.
        seconds: That it took.
        error: Why it failed, in one line.
        warnings: Lines that it was warned of.
        ends_all: The disk is full, so that no other job can do better.
    """

    name: str
    status: Status
    frames: int = 0
    seconds: float = 0.0
    error: str = ""
    warnings: tuple[str, ...] = ()
    ends_all: bool = False


def by_reference(jobs: Sequence[Job]) -> list[Job]:
    """Order jobs so that those of one reference follow each other, by their first appearance."""
    groups: dict[Hashable, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.reference, []).append(job)
    return [job for group in groups.values() for job in group]
