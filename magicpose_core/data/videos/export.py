"""From one clip to a folder: keypoints, pose maps and an overlay video to check them by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...clip_settings import Span
from ...errors import InputError
from ...files import FilePlan, Staged, check_plan, lock_folder, open_result, regular_file
from ...pose.cleanup.settings import PersonChoice, SmoothSettings
from ...pose.detect import OnFrame, clip_identity, detect_sequence
from ...pose.detectors.detector import PoseDetector
from ...pose.detectors.settings import DetectorSettings
from ...pose.draw_style import DrawStyle
from ...pose.formats.pose_files import read_poses, write_pose_clip
from ...pose.keypoints import PoseSequence
from ...pose.overlay import overlay_poses
from ...pose.sources import PoseOptions, draw_sequence, prepare
from ...video.reader import open_clip
from ...video.writer import open_mp4, open_png_folder

POSES, MAPS, OVERLAY, JOURNAL = "poses.json", "maps", "overlay.mp4", "detections.jsonl"


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """One clip to be turned into poses.

    Attributes:
        clip: Video, folder of pictures or one picture.
        out: Folder for the results.
        detector: How people are found.
        span: Which frames.
        person: Who is kept; None keeps everybody.
        smooth: Clean-up, or None.
        style: How maps are drawn.
        maps: Write pose maps.
        overlay: Write the overlay video; its frames move, so that stabilised poses go without.
        force: Replace results that were made with other settings.
    """

    clip: Path
    out: Path
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    span: Span = field(default_factory=Span)
    person: PersonChoice | None = field(default_factory=PersonChoice)
    smooth: SmoothSettings | None = None
    style: DrawStyle = field(default_factory=DrawStyle)
    maps: bool = True
    overlay: bool = True
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What came of a job.

    Attributes:
        frames: Frames of the clip.
        with_person: Frames that show the person.
        done_before: The results were there already.
    """

    frames: int
    with_person: int
    done_before: bool = False


def export_clip(
    job: ExportJob,
    *,
    on_open: Callable[[PoseDetector], None] | None = None,
    on_frame: OnFrame | None = None,
) -> Exported:
    """Detect, clean up and write one clip; a killed run is gone on with where it stopped.

    All results take their names together.

    Raises:
        InputError: The clip cannot be read, shows nobody, or results with other settings are there.
        MissingDependencyError: The detector is not there.
        OutputError: The disk is full, another process works on the same, or what would be replaced
            is no result.
    """
    with lock_folder(job.out):
        return _export(job, on_open, on_frame)


def _export(
    job: ExportJob, on_open: Callable[[PoseDetector], None] | None, on_frame: OnFrame | None
) -> Exported:
    finished = _finished(job)
    if finished is not None:
        return finished
    _refuse_strangers(job)
    results = [job.out / name for name in (MAPS, OVERLAY, POSES)]
    check_plan(
        FilePlan(reads=(job.clip,), files=tuple(results[1:]), folders=(results[0],), force=True)
    )
    sequence = detect_sequence(
        job.clip,
        job.detector,
        span=job.span,
        journal=job.out / JOURNAL,
        on_open=on_open,
        on_frame=on_frame,
    )
    sequence, _ = prepare(sequence, PoseOptions(person=job.person, smooth=job.smooth))
    with open_result(results) as staged:
        _write_results(job, sequence, staged)
    (job.out / JOURNAL).unlink(missing_ok=True)
    return _counted(sequence)


def _finished(job: ExportJob) -> Exported | None:
    poses = job.out / POSES
    if not poses.exists() or job.force:
        return None
    try:
        made_by = json.loads(regular_file(poses).read_text(encoding="utf-8")).get("made_by")
    except (ValueError, AttributeError, RecursionError):
        made_by = None
    if made_by != json.loads(json.dumps(_settings(job))):
        raise InputError(
            f"{poses} is there and was made with other settings or of another clip; set force=True "
            "to replace it, or name another folder"
        )
    (job.out / JOURNAL).unlink(missing_ok=True)  # of a run that was killed behind its results
    return _counted(read_poses(poses), done_before=True)


def _refuse_strangers(job: ExportJob) -> None:
    """Leave alone what stands where results go, unless a run of this command has begun there."""
    if job.force or (job.out / POSES).exists() or (job.out / JOURNAL).exists():
        return
    for stranger in (job.out / MAPS, job.out / OVERLAY):
        if stranger.exists():
            raise InputError(
                f"{stranger} is there but {POSES} is not; set force=True to replace it, or name "
                "another folder"
            )


def _counted(sequence: PoseSequence, *, done_before: bool = False) -> Exported:
    with_person = sum(bool(people) for people in sequence.frames)
    return Exported(frames=len(sequence), with_person=with_person, done_before=done_before)


def _settings(job: ExportJob) -> dict[str, object]:
    """Return what the results depend on, as JSON holds it."""
    return {
        **clip_identity(job.clip),
        "detector": job.detector.name,
        **({"stabilise": True} if job.detector.stabilise else {}),
        "span": asdict(job.span),
        "person": None if job.person is None else asdict(job.person),
        "smooth": None if job.smooth is None else asdict(job.smooth),
        "style": asdict(job.style),
        "maps": job.maps,
        "overlay": job.overlay,
    }


def _write_results(job: ExportJob, sequence: PoseSequence, staged: Staged) -> None:
    if job.maps:
        with open_png_folder(staged(job.out / MAPS)) as write:
            for pose_map in draw_sequence(sequence, job.style):
                write(pose_map)
    if job.overlay:
        span = job.span
        with (
            open_clip(job.clip, span) as clip,
            open_mp4(staged(job.out / OVERLAY), fps=sequence.fps) as write,
        ):
            for frame, people in zip(clip.frames, sequence.frames, strict=True):
                write(overlay_poses(frame, people, job.style))
    write_pose_clip(staged(job.out / POSES), sequence, {"made_by": _settings(job)})
