"""MediaPipe Holistic in an environment of its own, called as a process: it needs numpy < 2."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import MissingDependencyError
from ...video.reader import Frame
from ..formats.mediapipe_holistic import from_holistic
from ..keypoints import PersonPose

PYTHON_VARIABLE = "MAGICPOSE_POSE_PYTHON"
_PROJECT = Path(__file__).resolve().parents[3]
_WORKER = Path(__file__).with_name("mediapipe_worker.py")
_HEADER = struct.Struct("<II")  # width, height; then height * width * 3 bytes
_GOODBYE = 5.0  # seconds


class MediaPipe:
    """A running worker; a class because the process has a life."""

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    @property
    def runs_on(self) -> str:
        """Name the device: this release of MediaPipe for Python has only the CPU."""
        return "MediaPipe on cpu"

    def detect(self, frame: Frame) -> tuple[PersonPose, ...]:
        """Find the people, up to eight; small ones and those far apart may be missed."""
        height, width = frame.shape[:2]
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None
        assert source is not None
        try:
            sink.write(_HEADER.pack(width, height) + np.ascontiguousarray(frame).tobytes())
            sink.flush()
        except BrokenPipeError:
            raise self._died() from None
        answer = source.readline()
        if not answer:
            raise self._died()
        return tuple(
            from_holistic({part: np.array(points) for part, points in person.items()})
            for person in json.loads(answer)
        )

    def _died(self) -> MissingDependencyError:
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return MissingDependencyError(
            f"MediaPipe's process ended ({lines[-1] if lines else 'without a word'}); make its "
            "environment anew with: make pose-env"
        )


@contextlib.contextmanager
def open_mediapipe() -> Iterator[MediaPipe]:
    """Start the worker; it ends with the block.

    Raises:
        MissingDependencyError: There is no environment for it.
    """
    with tempfile.TemporaryFile() as log, _start(find_python(), log) as process:
        try:
            yield MediaPipe(process, log)
        finally:
            _end(process)


def _start(python: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            # -I: this folder's modules must not shadow the packages of that environment.
            [str(python), "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    except OSError as error:
        raise MissingDependencyError(
            f"{python} cannot be run ({error.strerror}); name a Python that has mediapipe 0.10.21 "
            f"in {PYTHON_VARIABLE}, or make one with: make pose-env"
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the worker's input, which ends it, and make sure."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(_GOODBYE)
    except subprocess.TimeoutExpired:
        process.kill()


def find_python() -> Path:
    """Find the Python of MediaPipe's environment.

    Raises:
        MissingDependencyError: There is none.
    """
    named = os.environ.get(PYTHON_VARIABLE)
    places = (
        [Path(named)]
        if named
        else [
            _PROJECT / ".venv-pose" / "bin" / "python",
            _PROJECT / ".venv-pose" / "Scripts" / "python.exe",
        ]
    )
    for place in places:
        if place.exists():
            return place
    raise MissingDependencyError(
        f"MediaPipe has no environment (looked for {places[0]}): run make pose-env in the project, "
        f"or name a Python that has mediapipe 0.10.21 in {PYTHON_VARIABLE}"
    )
