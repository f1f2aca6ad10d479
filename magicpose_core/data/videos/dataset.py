"""From clips to training data: frames and maps under one name, and why frames were left out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ...clip_settings import Span
from ...errors import InputError
from ...files import atomic_path, lock_file, write_text
from ...pose.cleanup.mixed import MIXED, longest_bone
from ...pose.detect import OnFrame, clip_identity, open_detection
from ...pose.detectors.detector import PoseDetector
from ...pose.detectors.settings import DetectorSettings
from ...pose.draw import draw_poses
from ...pose.draw_style import DrawStyle
from ...pose.keypoints import PersonPose
from ...video.reader import Frame

REJECTED = "rejected.csv"
_COLUMNS = ("subject", "frame", "reason")
_FEWEST_POINTS, _SMALLEST_BOX = 6, 0.04  # the authors' rules: more points, a larger share


@dataclass(frozen=True, kw_only=True)
class DatasetJob:
    """One clip that becomes one subject of a data set.

    Attributes:
        clip: Video or folder of pictures.
        subject: Its name in the data set.
        frames: Folder for the frames of all subjects.
        maps: Folder for the pose maps of all subjects.
        notes: Folder for journals and lists of left-out frames.
        detector: How people are found.
        span: Which frames.
        style: How maps are drawn.
    """

    clip: Path
    subject: str
    frames: Path
    maps: Path
    notes: Path
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    span: Span = field(default_factory=Span)
    style: DrawStyle = field(default_factory=DrawStyle)


@dataclass(frozen=True, kw_only=True)
class DatasetCount:
    """How many frames of a subject were kept and left out."""

    kept: int
    rejected: int


def rejection(
    people: Sequence[PersonPose],
    score_threshold: float,
    *,
    around: int = 1,
    size: tuple[int, int] | None = None,
) -> str | None:
    """Return why a frame is left out of training, None for a good one.

    The authors' rules, and two against detectors that miss or mix people: a second before or after
    nobody else may be seen, and no bone may be far too long for the others.

    Args:
        people: Those found in the frame.
        score_threshold: Points with a lower score do not count.
        around: Most people that a frame up to a second before or after shows.
        size: Width and height of the frame in pixels; None does not look at the bones.
    """
    if len(people) != 1:
        return f"{len(people)} people" if people else "no person"
    if around > 1:
        return f"1 person found, {around} within a second of it"
    if size is not None and longest_bone(people[0], *size) > MIXED:
        return "the skeleton mixes two people"
    seen = people[0].body.visible(score_threshold)
    if seen.sum() <= _FEWEST_POINTS:
        return f"only {seen.sum()} body points"
    share = float(np.prod(np.ptp(people[0].body.xy[seen], axis=0)))
    if share <= _SMALLEST_BOX:
        return f"the body fills {share:.1%} of the frame"
    return None


def export_subject(
    job: DatasetJob,
    *,
    on_open: Callable[[PoseDetector], None] | None = None,
    on_frame: OnFrame | None = None,
) -> DatasetCount:
    """Write the good frames of a clip and their maps as ``<subject>/<frame>.png``.

    A killed run is gone on with: what was detected is in a journal, what was written is kept. The
    list of left-out frames is written last and marks the subject as done.

    Raises:
        InputError: The clip cannot be read, or the subject is there from other settings.
        OutputError: The disk is full, or another process works on the same subject.
    """
    with lock_file(job.notes / f"{job.subject}.lock", of=job.frames / job.subject):
        return _export(job, on_open, on_frame)


def _export(
    job: DatasetJob, on_open: Callable[[PoseDetector], None] | None, on_frame: OnFrame | None
) -> DatasetCount:
    _refuse_mixing(job)
    done = job.notes / f"{job.subject}.csv"
    journal = job.notes / f"{job.subject}.jsonl"
    if done.exists():
        journal.unlink(missing_ok=True)  # of a run that was killed behind its list
        return DatasetCount(kept=_count(job.frames / job.subject), rejected=len(_rows(done)))
    around = _most_people_around(job, journal, on_open, on_frame)
    rejected: list[tuple[str, str, str]] = []
    kept = 0
    with open_detection(job.clip, job.detector, span=job.span, journal=journal) as detection:
        for index, (frame, people) in enumerate(detection.frames):
            number = f"{job.span.start + index * job.span.stride:05d}"
            height, width = frame.shape[:2]
            reason = rejection(
                people, job.style.score_threshold, around=around[index], size=(width, height)
            )
            if reason is None:
                pose_map = draw_poses(people, height, width, job.style)
                _write_once(job.maps / job.subject / f"{number}.png", pose_map)
                _write_once(job.frames / job.subject / f"{number}.png", frame)
                kept += 1
            else:
                rejected.append((job.subject, number, reason))
    _write_rows(done, rejected)
    journal.unlink(missing_ok=True)
    return DatasetCount(kept=kept, rejected=len(rejected))


def _most_people_around(
    job: DatasetJob,
    journal: Path,
    on_open: Callable[[PoseDetector], None] | None,
    on_frame: OnFrame | None,
) -> list[int]:
    """Detect all frames into the journal; return for each the most people within a second of it."""
    counts = []
    with open_detection(
        job.clip, job.detector, span=job.span, journal=journal, on_open=on_open
    ) as detection:
        for _, people in detection.frames:
            counts.append(len(people))
            if on_frame is not None:
                on_frame(detection.info.frame_count)
        reach = round(detection.fps(job.span)) if detection.info.fps is not None else 0
    return [max(counts[max(0, index - reach) : index + reach + 1]) for index in range(len(counts))]


def merge_rejected(notes: Path, target: Path) -> None:
    """Join the lists of all subjects below a folder into one CSV."""
    lists = sorted(notes.rglob("*.csv"))
    _write_rows(target, [row for path in lists for row in _rows(path)])


def _refuse_mixing(job: DatasetJob) -> None:
    """Note what a subject is made of, and refuse to add to one of another clip or settings."""
    made_by = json.dumps(
        {
            **clip_identity(job.clip),
            "detector": job.detector.name,
            **asdict(job.span),
            **asdict(job.style),
        }
    )
    note = job.notes / f"{job.subject}.json"
    before = note.read_text(encoding="utf-8") if note.exists() else None
    if before not in (None, made_by):
        raise InputError(
            f"{job.frames / job.subject} is of another clip or was made with other settings; name "
            f"another folder, or remove it, its maps and {note.with_suffix('.*')} first"
        )
    write_text(note, made_by)


def _write_once(path: Path, picture: Frame) -> None:
    if not path.exists():
        with atomic_path(path) as temporary:
            Image.fromarray(picture).save(temporary)


def _write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as read:
        return list(csv.reader(read))[1:]


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.png"))
