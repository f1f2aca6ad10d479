"""The people of ``real_pairs.toml``: found once by MediaPipe, then read from keypoint files."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..clip_settings import Span
from ..pose.detectors.detector import PoseDetector
from ..pose.detectors.open import open_detector
from ..pose.detectors.settings import DetectorSettings
from ..pose.formats.pose_files import read_poses, write_pose_clip
from ..pose.keypoints import USUAL_FPS, PoseSequence
from ..video.reader import Frame, open_clip
from .chibi import SIZE as CHIBI_SIZE
from .chibi import chibi

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

LIST = Path(__file__).with_name("real_pairs.toml")
EXAMPLES = "examples"
_CHIBI = "chibi"
_LOG = logging.getLogger("magicpose")


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where frames come from.

    Attributes:
        name: In the list.
        file: Video or picture.
        start: First frame.
        stop: Frame before which to stop, None for the end.
        stride: Every n-th frame.
        box: Left, top, right and bottom in pixels of what is looked at, None for everything.
    """

    name: str
    file: Path
    start: int = 0
    stop: int | None = None
    stride: int = 1
    box: tuple[int, int, int, int] | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, (H, W, 3) uint8 each."""
        span = Span(start=self.start, stop=self.stop, stride=self.stride)
        with open_clip(self.file, span) as clip:
            for frame in clip.frames:
                left, top, right, bottom = self.box or (0, 0, frame.shape[1], frame.shape[0])
                yield np.ascontiguousarray(frame[top:bottom, left:right])

    def fps(self) -> float:
        """Return the frames per second that the stride leaves."""
        with open_clip(self.file) as clip:
            return float(clip.info.fps or USUAL_FPS) / self.stride


@dataclass(frozen=True, kw_only=True)
class NamedPair:
    """A driver and a reference by their names, and what is hard about them."""

    driver: str
    reference: str
    kinds: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.driver} -> {self.reference}"


@dataclass(frozen=True, kw_only=True)
class PairList:
    """The list: sources by name, and pairs of names."""

    sources: Mapping[str, Source]
    pairs: tuple[NamedPair, ...]


def read_list(material: Path, examples: Path, path: Path = LIST) -> PairList:
    """Read the list of pairs; sources whose file is absent are left out, with their pairs.

    Args:
        material: Folder that ``make pose-material`` fills.
        examples: Folder of the authors' example pictures.
        path: The list.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    sources = {
        name: _source(name, values, material, examples)
        for table in ("clips", "pictures")
        for name, values in content[table].items()
    }
    there = {name: source for name, source in sources.items() if source.file.exists()}
    known = {*there, _CHIBI}
    pairs = tuple(
        NamedPair(driver=p["driver"], reference=p["reference"], kinds=tuple(p["kinds"]))
        for p in content["pairs"]
    )
    for pair in pairs:
        if not {pair.driver, pair.reference} <= known:
            _LOG.warning("%s is left out: a file is absent", pair)
    kept = tuple(pair for pair in pairs if {pair.driver, pair.reference} <= known)
    return PairList(sources=there, pairs=kept)


def find_people(listed: PairList, cache: Path) -> dict[str, PoseSequence]:
    """Return the people of every source that a pair names; what is cached is not looked for."""
    names = sorted({name for pair in listed.pairs for name in (pair.driver, pair.reference)})
    missing = [n for n in names if n != _CHIBI and not (cache / f"{n}.json").exists()]
    if missing:
        with open_detector(DetectorSettings(name="mediapipe")) as detector:
            for name in missing:
                _LOG.info("finding people in %s", name)
                write_pose_clip(cache / f"{name}.json", _find(listed.sources[name], detector))
    found = {name: read_poses(cache / f"{name}.json") for name in names if name != _CHIBI}
    person, _ = chibi()
    drawn = PoseSequence(frames=((person,),), width=CHIBI_SIZE[0], height=CHIBI_SIZE[1])
    return {**found, _CHIBI: drawn}


def frame_of(listed: PairList, name: str, index: int) -> NDArray[np.uint8]:
    """Return one frame of a source, (H, W, 3) uint8."""
    if name == _CHIBI:
        return chibi()[1]
    for number, frame in enumerate(listed.sources[name].frames()):
        if number == index:
            return frame
    raise IndexError(f"{name} has no frame {index}")


def _source(
    name: str, values: Mapping[str, str | int | list[int]], material: Path, examples: Path
) -> Source:
    folder, _, rest = str(values["file"]).partition("/")
    path = examples / rest if folder == EXAMPLES else material / str(values["file"])
    numbers = {key: value for key, value in values.items() if isinstance(value, int)}
    frame = numbers.get("frame")
    source = Source(
        name=name,
        file=path,
        start=numbers.get("start", frame or 0),
        stop=numbers.get("stop") if frame is None else frame + 1,
        stride=numbers.get("stride", 1),
    )
    box = values.get("box")
    if isinstance(box, list):
        left, top, right, bottom = box
        source = replace(source, box=(left, top, right, bottom))
    return source


def _find(source: Source, detector: PoseDetector) -> PoseSequence:
    people, size = [], (1, 1)
    for frame in source.frames():
        people.append(detector.detect(frame))
        size = (frame.shape[1], frame.shape[0])
    return PoseSequence(frames=tuple(people), width=size[0], height=size[1], fps=source.fps())
