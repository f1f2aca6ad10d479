"""Whether a detector can run here, told before it is asked to; nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ...errors import MissingDependencyError
from .settings import DetectorName, DetectorSettings
from .weights import (
    BODY_PATTERNS,
    BOX_PATTERNS,
    OPENPOSE_BODY,
    OPENPOSE_FACE,
    OPENPOSE_HAND,
    PERSON_BOXES,
    WHOLE_BODY,
    WeightFile,
    find_weights,
)

_PACKAGES = {"dwpose": "onnxruntime", "openpose": "controlnet_aux"}
_Needed = Sequence[tuple[WeightFile, Sequence[str]]]  # a published file, and names that do as well
_FILES: Mapping[DetectorName, _Needed] = {
    "dwpose": ((PERSON_BOXES, BOX_PATTERNS), (WHOLE_BODY, BODY_PATTERNS)),
    "openpose": ((OPENPOSE_BODY, ()), (OPENPOSE_HAND, ()), (OPENPOSE_FACE, ())),
}


def what_lacks(settings: DetectorSettings) -> str | None:
    """Say all that a detector lacks and how to get it; None where package and files are present.

    A file may still turn out to be damaged: that is told when it is read.
    """
    if settings.name == "mediapipe":
        return _lacking_environment()
    lacks = [*_lacking_package(settings.name), *_lacking_files(settings)]
    return f"{settings.name} needs {'; and '.join(lacks)}" if lacks else None


def _lacking_package(detector: DetectorName) -> Iterator[str]:
    package = _PACKAGES[detector]
    if find_spec(package) is None:
        yield f"{package}: pip install {package.replace('_', '-')}"


def _lacking_files(settings: DetectorSettings) -> Iterator[str]:
    if settings.download:
        return
    missing = [
        f"{file.name} ({file.size / 1e6:.0f} MB, licence: {file.licence}, from {file.url})"
        for file, patterns in _FILES[settings.name]
        if not _is_there(file, settings.weights, patterns)
    ]
    if missing:
        folder = settings.weights[0] if settings.weights else "a folder of detector_weights"
        yield f"{' and '.join(missing)} in {folder}"


def _is_there(file: WeightFile, folders: Sequence[Path], patterns: Sequence[str]) -> bool:
    try:
        find_weights(file, folders, patterns=patterns)
    except MissingDependencyError:
        return False
    return True


def _lacking_environment() -> str | None:
    from .mediapipe import find_python

    try:
        find_python()
    except MissingDependencyError as error:
        return str(error)
    return None
