"""Projects that the editor of Magos Nodes saves, in the form that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.pose_files import read_poses
from magicpose_core.pose.skeletons import BODY


def a_project(**changes: object) -> dict[str, object]:
    """Two frames of a body of 20 points (18 and the toes), a hand in the first."""

    def frame(shift: float, hand: bool) -> dict[str, object]:
        return {
            "width": 640,
            "height": 480,
            "body": [[10.0 * k + shift, 5.0 * k, 0.9] for k in range(20)],
            "rhand": [[100.0 + k, 50.0, 0.8] for k in range(21)] if hand else None,
            "lhand": None,
            "face": [[200.0 + k, 60.0, 0.7] for k in range(70)],
        }

    return {
        "version": 2,
        "frame_count": 2,
        "width": 640,
        "height": 480,
        "frames": {"0": frame(0, True), "1": frame(1, False)},
        "overrides": {},
        "tweens": {},
        **changes,
    }


def written(folder: Path, project: dict[str, object]) -> Path:
    path = folder / "temporal_editor_3.json"
    path.write_text(json.dumps(project, indent=2))
    return path


def test_a_project_is_read_with_its_edits(tmp_path: Path) -> None:
    edits = {
        str(i): {"body_4": [300.0, 200.0, 1.0, 0.5], "lhand_0": [9.0, 8.0, 1.0]} for i in range(2)
    }
    clip = read_poses(written(tmp_path, a_project(overrides=edits)))
    assert (clip.width, clip.height, len(clip)) == (640, 480, 2)
    first, second = (people[0] for people in clip.frames)
    body = first.body.pixels(640, 480)
    np.testing.assert_allclose(body[3], (30, 15), atol=1e-3)
    np.testing.assert_allclose(body[BODY.index("right_wrist")], (300, 200), atol=1e-3)
    assert first.right_hand is not None
    assert second.right_hand is None
    assert first.left_hand is not None
    assert first.left_hand.visible().sum() == 1
    assert second.face is not None
    np.testing.assert_allclose(second.face.pixels(640, 480)[69], (269, 60), atol=1e-3)


def test_motion_between_edits_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_poses(written(tmp_path, a_project(overrides={"1": {"body_4": [1, 2, 1], "cam_x": [1]}})))
    assert "1 points are edited in some frames only" in caplog.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"frame_count": "two"}, "frame_count must be 1 to"),
        ({"frames": {"0": [1, 2]}}, "0 must be an object, got list"),
        ({"frames": {"0": {"body": [[1, 2, 3]]}}}, "frame 0: body must be 18 points"),
        ({"overrides": {"0": {"body_1": ["x", 2]}}}, "frame 0: body_1"),
    ],
)
def test_broken_projects_are_refused_by_name(
    tmp_path: Path, changes: dict[str, object], text: str
) -> None:
    path = written(tmp_path, a_project(**changes))
    with pytest.raises(InputError, match=text) as refused:
        read_poses(path)
    assert str(path) in str(refused.value)
