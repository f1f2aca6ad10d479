"""Whatever JSON a pose file holds, it is read or refused with one clear error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from magicpose_core.errors import InputError
from magicpose_core.pose.formats.pose_files import read_poses
from magicpose_core.pose.keypoints import PoseSequence

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "7", "x"])
names = st.sampled_from(
    ["people", "animals", "frames", "fps", "format", "width", "height", "canvas_width"]
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


def sometimes(usual: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(usual, usual, usual, anything)


numbers = sometimes(st.lists(st.floats(-10, 2000), min_size=54, max_size=54))
size = sometimes(st.integers(1, 4000))
person = sometimes(
    st.fixed_dictionaries(
        {"pose_keypoints_2d": numbers},
        optional={"face_keypoints_2d": numbers, "hand_left_keypoints_2d": anything},
    )
)
frame = sometimes(
    st.fixed_dictionaries(
        {"people": sometimes(st.lists(person, max_size=2))},
        optional={"canvas_width": size, "canvas_height": size, "version": anything},
    )
)
openpose = st.lists(frame, max_size=3) | st.fixed_dictionaries(
    {"frames": sometimes(st.lists(frame, max_size=3))}, optional={"fps": anything}
)
coco = st.fixed_dictionaries(
    {
        "images": sometimes(
            st.lists(
                sometimes(st.fixed_dictionaries({"id": scalars, "width": size, "height": size})),
                max_size=2,
            )
        ),
        "annotations": sometimes(
            st.lists(
                sometimes(
                    st.fixed_dictionaries(
                        {"image_id": sometimes(scalars), "keypoints": numbers},
                        optional={"face_kpts": anything},
                    )
                ),
                max_size=2,
            )
        ),
    },
    optional={"info": anything},
)
mediapipe = st.fixed_dictionaries(
    {
        "format": st.just("mediapipe_holistic"),
        "width": size,
        "height": size,
        "frames": sometimes(
            st.lists(
                sometimes(st.lists(st.dictionaries(st.just("pose"), anything, max_size=1))),
                max_size=2,
            )
        ),
    },
    optional={"fps": anything},
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(value=anything | openpose | coco | mediapipe)
def test_any_json_is_read_or_refused(value: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "poses.json"
        path.write_text(json.dumps(value))
        refused = None
        try:
            sequence = read_poses(path)
        except InputError as error:
            refused = str(error)
    assert refused.startswith(str(path)) if refused else isinstance(sequence, PoseSequence)
