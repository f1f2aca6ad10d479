"""The networks that metrics need, as far as they are there; what is not is left out by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingDependencyError
from ..pose.detectors.detector import PoseDetector
from ..pose.detectors.open import open_detector
from ..pose.detectors.settings import DetectorSettings
from ..pose.keypoints import PersonPose
from ..video.reader import Frame
from . import set_metrics
from .clip_figures import Figures, FrameMetrics
from .folder_report import Instruments, SetMetric
from .networks import dlib_faces, i3d, imagenet, inception, lpips_distance, resnet3d
from .networks.files import KNOWN, FeatureFile, find_file

_SEEN = 0.3  # lowest score of a point that counts
_FEWEST = 3  # points in common
_POSE_METRICS = ("pose_error", "poses_found")


class _Collected:
    """Metrics that are found one after the other; a class because they are."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.of_frames: list[FrameMetrics[Any]] = []
        self.of_sets: list[SetMetric] = []
        self.left_out: dict[str, str] = {}
        self.notes: list[str] = []

    def add(self, metrics: str, network: str, load: Callable[[FeatureFile], None]) -> None:
        """Load a network by its file, or note which metrics are left out and why."""
        file = find_file(self.folder, network)
        if file is None:
            where = "no weights are given" if self.folder is None else f"not in {self.folder}"
            self.left_out[metrics] = f"needs {' or '.join(KNOWN[network])}, {where}"
            return
        self.from_package(metrics, lambda: load(file))
        if metrics not in self.left_out:
            self.notes.append(f"{metrics}: {file}")

    def from_package(self, metrics: str, load: Callable[[], None]) -> None:
        """Load what a package holds, or note which metrics are left out and why."""
        try:
            load()
        except MissingDependencyError as error:
            self.left_out[metrics] = str(error)


@contextmanager
def open_instruments(
    folder: Path | None = None, detector: DetectorSettings | None = None
) -> Iterator[Instruments]:
    """Load all networks that are there.

    Args:
        folder: Holds weight files under the names of ``networks.files.KNOWN``; None has none.
        detector: Finds poses again in results and true frames; None leaves ``pose_error`` out.

    Raises:
        InputError: The folder is absent.
        CheckpointError: A file of a known name is damaged, or holds another network.
    """
    found = _Collected(folder)
    _add_lpips(found)
    _add_frechet(found)
    found.from_package(", ".join(dlib_faces.METRICS), lambda: _add_faces(found))
    if detector is None:
        found.left_out[", ".join(_POSE_METRICS)] = "no detector is named"
        yield _instruments(found)
        return
    with open_detector(detector) as opened:
        found.of_frames.append(pose_metrics(opened))
        found.notes.append(f"pose_error: {detector.name} on {opened.runs_on}")
        yield _instruments(found)


def _instruments(found: _Collected) -> Instruments:
    return Instruments(
        of_frames=found.of_frames,
        of_sets=found.of_sets,
        left_out=found.left_out,
        notes=found.notes,
    )


def _add_lpips(found: _Collected) -> None:
    def alex(file: FeatureFile) -> None:
        network = lpips_distance.load_lpips(file, "alex")
        found.of_frames.append(lpips_distance.lpips_metrics(network, "lpips_alex"))

    def vgg(file: FeatureFile) -> None:
        network = lpips_distance.load_lpips(file, "vgg")
        found.of_frames.append(
            lpips_distance.lpips_metrics(network, "lpips_vgg", in_unit_range="disco_lpips")
        )

    found.add("lpips_alex", "alexnet", alex)
    found.add("lpips_vgg, disco_lpips", "vgg16", vgg)


def _add_frechet(found: _Collected) -> None:
    def fid(file: FeatureFile) -> None:
        features = inception.load_inception(file)
        found.of_sets.append(set_metrics.distances_of_frames(features, frechet="fid", kernel="kid"))

    def fid_vid(file: FeatureFile) -> None:
        state = resnet3d.load_resnet3d(file)
        found.of_sets.append(
            set_metrics.distances_of_clips(
                lambda clip: resnet3d.resnet3d_features(state, clip),
                frames=resnet3d.FRAMES,
                size=resnet3d.SIZE,
                pooled="fid_vid_pooled",
                per_clip="fid_vid_mean",
            )
        )

    def fvd(file: FeatureFile) -> None:
        state = i3d.load_i3d(file)
        found.of_sets.append(
            set_metrics.distances_of_clips(
                lambda clip: i3d.i3d_features(state, clip / 127.5 - 1),
                frames=resnet3d.FRAMES,
                size=i3d.SIZE,
                pooled="fvd",
                per_clip=None,
            )
        )

    def frechet() -> None:
        features, file = imagenet.load_imagenet()
        found.notes.append(f"imagenet_frechet: {file}; EfficientNet-Lite0, comparable with no FID")
        found.of_sets.append(
            set_metrics.distances_of_frames(features, frechet="imagenet_frechet", kernel=None)
        )

    found.add("fid, kid", "inception", fid)
    found.add("fid_vid_pooled, fid_vid_mean", "resnet3d", fid_vid)
    found.add("fvd", "i3d", fvd)
    found.from_package("imagenet_frechet", frechet)


def _add_faces(found: _Collected) -> None:
    find, files = dlib_faces.load_faces()
    found.of_frames.append(
        FrameMetrics(names=dlib_faces.METRICS, look=find, compare=dlib_faces.compare_faces)
    )
    found.notes.append(
        f"face_distance: dlib, {files[0]}; below {dlib_faces.SAME_PERSON} is the same person"
    )


def pose_metrics(detector: PoseDetector) -> FrameMetrics[tuple[PersonPose | None, tuple[int, int]]]:
    """Compare the person that a detector finds in a result with the one in its true frame."""

    def look(frame: Frame) -> tuple[PersonPose | None, tuple[int, int]]:
        return _person(detector, frame), (frame.shape[1], frame.shape[0])

    def compare(
        result: tuple[PersonPose | None, tuple[int, int]],
        truth: tuple[PersonPose | None, tuple[int, int]],
    ) -> Figures:
        (ours, _), (true, size) = result, truth
        if true is None:
            return {}
        figures = {"poses_found": float(ours is not None)}
        error = None if ours is None else pose_error(ours, true, size)
        return figures if error is None else {"pose_error": error, **figures}

    return FrameMetrics(names=_POSE_METRICS, look=look, compare=compare)


def pose_error(result: PersonPose, truth: PersonPose, size: tuple[int, ...]) -> float | None:
    """Mean distance of the body's points that both show, in % of the true body's extent.

    Args:
        result: Found in the result.
        truth: Found in the true frame.
        size: (width, height) of both in pixels.

    Returns:
        None where fewer than three points are common.
    """
    width, height = size
    common = result.body.visible(_SEEN) & truth.body.visible(_SEEN)
    if common.sum() < _FEWEST:
        return None
    ours, true = (pose.body.pixels(width, height) for pose in (result, truth))
    seen = true[truth.body.visible(_SEEN)]
    extent = float(np.linalg.norm(seen.max(axis=0) - seen.min(axis=0)))
    return 100 * float(np.linalg.norm(ours - true, axis=1)[common].mean()) / extent


def _person(detector: PoseDetector, frame: Frame) -> PersonPose | None:
    people = detector.detect(frame)
    return max(people, key=lambda person: int(person.body.visible(_SEEN).sum()), default=None)
