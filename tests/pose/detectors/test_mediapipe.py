from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.errors import MissingDependencyError
from magicpose_core.pose.detectors import mediapipe
from magicpose_core.pose.detectors.open import open_detector
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.draw import draw_poses
from magicpose_core.pose.keypoints import PersonPose
from magicpose_core.pose.skeletons import BODY
from magicpose_core.video.reader import open_clip

PROJECT = Path(__file__).resolve().parents[3]
EXAMPLES = PROJECT.parent / "shared" / "examples" / "image"
MEDIAPIPE = DetectorSettings(name="mediapipe")


def test_a_missing_environment_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mediapipe.PYTHON_VARIABLE, "/nowhere/python")
    with pytest.raises(MissingDependencyError, match="make pose-env"), open_detector(MEDIAPIPE):
        pass


def test_a_python_that_cannot_be_run_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setenv(mediapipe.PYTHON_VARIABLE, str(tmp_path / "python"))
    with pytest.raises(MissingDependencyError, match="cannot be run"), open_detector(MEDIAPIPE):
        pass


def test_an_environment_without_mediapipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mediapipe.PYTHON_VARIABLE, sys.executable)
    with (
        open_detector(MEDIAPIPE) as detector,
        pytest.raises(MissingDependencyError, match=r"No module named 'mediapipe'.*make pose-env"),
    ):
        detector.detect(np.zeros((600, 600, 3), np.uint8))


needs_environment = pytest.mark.skipif(
    not (PROJECT / ".venv-pose").exists(), reason="needs make pose-env"
)


@needs_environment
@pytest.mark.skipif(not EXAMPLES.exists(), reason="needs the example pictures in ../shared")
def test_the_people_of_the_example_pictures_are_found() -> None:
    pictures = sorted(EXAMPLES.rglob("*.png"))
    assert len(pictures) == 4
    with open_detector(MEDIAPIPE) as detector:
        for picture in pictures:
            with open_clip(picture) as clip:
                frame = next(clip.frames)
            (person,) = detector.detect(frame)
            check_upright_person_with_face(person)
            assert draw_poses([person], *frame.shape[:2]).any()
        assert detector.detect(np.zeros((64, 48, 3), np.uint8)) == ()


@needs_environment
@pytest.mark.skipif(not EXAMPLES.exists(), reason="needs the example pictures in ../shared")
def test_two_people_side_by_side_are_two() -> None:
    """Holistic alone looks for one person, and a crowd passed for training data of one."""
    pictures = []
    for name in ("0001", "0125"):
        with open_clip(EXAMPLES / "human" / f"{name}.png") as clip:
            pictures.append(next(clip.frames))
    with open_detector(MEDIAPIPE) as detector:
        alone = [detector.detect(picture)[0] for picture in pictures]
        people = detector.detect(np.concatenate(pictures, axis=1))
    assert len(people) == 2
    people = sorted(people, key=lambda person: person.body.xy[BODY.index("neck"), 0])
    for side, (person, expected) in enumerate(zip(people, alone, strict=True)):
        assert person.face is not None
        place = expected.body.xy[BODY.index("neck")] * (0.5, 1) + (0.5 * side, 0)
        np.testing.assert_allclose(person.body.xy[BODY.index("neck")], place, atol=0.02)


def check_upright_person_with_face(person: PersonPose) -> None:
    """The people of the pictures stand in front of the camera, so their right is on the left."""
    body = person.body
    place = {joint: body.xy[BODY.index(joint)] for joint in BODY.joints}
    assert all(body.score[BODY.index(j)] > 0.9 for j in ("nose", "right_shoulder", "left_shoulder"))
    assert place["right_shoulder"][0] < place["neck"][0] < place["left_shoulder"][0]
    assert place["nose"][1] < place["neck"][1]
    assert person.face is not None
    brows, mouth, chin = (
        person.face.xy[part, 1].mean() for part in (slice(17, 27), slice(48, 68), 8)
    )
    assert brows < place["nose"][1] < mouth < chin
    pupil, corner = person.face.xy[68], person.face.xy[36]
    assert np.abs(pupil - place["right_eye"]).max() < 0.02
    assert np.abs(corner - pupil).max() < 0.05
