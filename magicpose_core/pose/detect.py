"""Detect the people of a clip frame by frame, and go on where a killed run stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..clip_settings import Span
from ..errors import InputError, OutputError
from ..files import regular_file, write_text
from ..video.reader import ClipInfo, Frame, open_clip
from .camera import steady
from .detectors.detector import PoseDetector
from .detectors.open import open_detector
from .detectors.settings import DetectorSettings
from .formats.openpose_frames import from_pose_keypoints
from .formats.openpose_json import to_pose_keypoints
from .keypoints import USUAL_FPS, People, PoseSequence

OnFrame = Callable[[int | None], None]
"""Told that a frame is done; its argument is the number of frames, None when nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A clip whose people are found while its frames are read, once.

    Attributes:
        info: What the clip says of itself.
        frames: Each frame with its people.
    """

    info: ClipInfo
    frames: Iterator[tuple[Frame, People]]

    def fps(self, span: Span) -> float:
        """Return the frames per second that the span leaves; pictures count as 30."""
        return float(self.info.fps or USUAL_FPS) / span.stride


@contextlib.contextmanager
def open_detection(
    path: Path,
    settings: DetectorSettings,
    *,
    span: Span | None = None,
    journal: Path | None = None,
    on_open: Callable[[PoseDetector], None] | None = None,
) -> Iterator[Detection]:
    """Open a clip for detection.

    Args:
        path: Video, folder of pictures, or one picture.
        settings: The detector, loaded when the first frame needs it.
        span: Which frames; all when None.
        journal: File to which each frame's people are added at once; frames that it holds of the
            same clip and settings are not detected again.
        on_open: Told of the detector when it is loaded, to say what it runs on.

    Raises:
        InputError: The clip cannot be read; behind the first frame while frames are read.
        MissingDependencyError: The detector is not there (while frames are read).
        OutputError: The journal cannot be written.
    """
    span = span or Span()
    with (
        open_clip(path, span) as clip,
        contextlib.ExitStack() as opened,
    ):
        size = (clip.info.width, clip.info.height)
        known, journal_file = [], None
        if journal is not None:
            header = json.dumps({**clip_identity(path), "detector": settings.name, **asdict(span)})
            known = _read_journal(journal, header, size)
            journal_file = opened.enter_context(_continue_journal(journal, header, known, size))

        def frames() -> Iterator[tuple[Frame, People]]:
            detector: PoseDetector | None = None
            for index, frame in enumerate(clip.frames):
                if index < len(known):
                    yield frame, known[index]
                    continue
                if detector is None:
                    detector = opened.enter_context(open_detector(settings))
                    if on_open is not None:
                        on_open(detector)
                people = detector.detect(frame)
                if journal_file is not None:
                    _note(journal_file, _line(people, size))
                yield frame, people

        yield Detection(info=clip.info, frames=frames())


def detect_sequence(
    path: Path,
    settings: DetectorSettings,
    *,
    span: Span | None = None,
    journal: Path | None = None,
    on_open: Callable[[PoseDetector], None] | None = None,
    on_frame: OnFrame | None = None,
) -> PoseSequence:
    """Detect all people of a clip; only their keypoints are kept.

    Args:
        path: As in ``open_detection``, like the other arguments.
        settings: The detector.
        span: Which frames.
        journal: File to go on with.
        on_open: Told of the detector when it is loaded.
        on_frame: Told of every frame that is done, with how many there are, as far as is known.

    Raises:
        InputError: No frame shows anybody; or as in ``open_detection``.
    """
    span = span or Span()
    found = []
    with open_detection(path, settings, span=span, journal=journal, on_open=on_open) as detection:
        still = (people for _, people in detection.frames)
        for people in steady(detection.frames) if settings.stabilise else still:
            found.append(people)
            if on_frame is not None:
                on_frame(detection.info.frame_count)
    if not any(found):
        raise InputError(
            f"no person is found in any of the {len(found)} frames of {path}; try another "
            "detector, or a clip in which the person is larger"
        )
    info = detection.info
    return PoseSequence(
        frames=tuple(found), width=info.width, height=info.height, fps=detection.fps(span)
    )


def clip_identity(path: Path) -> dict[str, object]:
    """Return what tells a clip from another one that takes its place, as JSON holds it."""
    status = path.stat()
    return {"clip": path.name, "bytes": status.st_size, "changed": status.st_mtime}


def _read_journal(journal: Path, header: str, size: tuple[int, int]) -> list[People]:
    """Return the people of the frames that are done; a last line cut short does not count."""
    if not journal.exists():
        return []
    lines = regular_file(journal).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    if not lines or lines[0] != header:
        return []
    done = []
    for line in lines[1:]:
        try:
            (people,) = from_pose_keypoints(json.loads(line), size=size).frames
        except (ValueError, RecursionError):  # an InputError is a ValueError
            break
        done.append(people)
    return done


@contextlib.contextmanager
def _continue_journal(
    journal: Path, header: str, known: list[People], size: tuple[int, int]
) -> Iterator[IO[str]]:
    """Write anew what is known, so that the file ends with a whole line, and keep it open."""
    write_text(journal, "".join([header + "\n", *(_line(people, size) for people in known)]))
    with journal.open("a", encoding="utf-8") as journal_file:
        yield journal_file


def _note(journal_file: IO[str], line: str) -> None:
    try:
        journal_file.write(line)
        journal_file.flush()
    except OSError as error:
        raise OutputError(
            f"could not write {journal_file.name}: {error.strerror}; free some space and run the "
            "same again: it goes on where it stopped"
        ) from error


def _line(people: People, size: tuple[int, int]) -> str:
    sequence = PoseSequence(frames=(people,), width=size[0], height=size[1])
    return json.dumps(to_pose_keypoints(sequence)[0]) + "\n"
