"""What ComfyUI's own detectors give is read as it is: SDPose's keypoints, MediaPipe's faces."""

from __future__ import annotations

import numpy as np
import pytest

WIDTH, HEIGHT = 640, 480
# COCO-WholeBody, in which SDPose finds its 133 points
LEFT_WRIST, RIGHT_WRIST = 9, 10
LEFT_HAND, RIGHT_HAND, FACE = slice(91, 112), slice(112, 133), slice(23, 91)


@pytest.fixture
def found(comfyui):
    """133 points of one person, and the POSE_KEYPOINT that core makes of them."""
    from comfy_extras import nodes_sdpose as sdpose

    generator = np.random.default_rng(0)
    points = generator.uniform(100, 400, (133, 2)).astype(np.float32)
    points[LEFT_WRIST], points[RIGHT_WRIST] = (500, 300), (150, 300)
    for hand, wrist in ((LEFT_HAND, LEFT_WRIST), (RIGHT_HAND, RIGHT_WRIST)):
        points[hand] = points[wrist] + generator.uniform(0, 20, (21, 2))
        points[hand.start] = points[wrist]
    frames = sdpose._to_openpose_frames([[points]], [[np.ones(133)]], HEIGHT, WIDTH)
    return points, frames


def test_sdpose_of_core_is_read_point_by_point(pack, found):
    points, frames = found
    person = pack("nodes.bridge").to_pose_sequence(frames).frames[0][0]
    body = person.body.pixels(WIDTH, HEIGHT)
    names = pack("magicpose_core.pose.skeletons").BODY
    order = {"nose": 0, "left_eye": 1, "right_shoulder": 6, "left_ankle": 15, "right_hip": 12}
    for joint, index in order.items():
        np.testing.assert_allclose(body[names.index(joint)], points[index], atol=1e-3)
    np.testing.assert_allclose(body[names.index("neck")], points[[5, 6]].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(person.face.pixels(WIDTH, HEIGHT)[:68], points[FACE], atol=1e-3)
    feet = pack("magicpose_core.pose.skeletons").FEET
    toe = person.feet.pixels(WIDTH, HEIGHT)[feet.index("right_heel")]
    np.testing.assert_allclose(toe, points[22], atol=1e-3)


def test_hands_that_sdpose_names_by_the_other_side_are_aligned_at_their_own_wrists(pack, found):
    _, frames = found
    sequence = pack("nodes.bridge").to_pose_sequence(frames)
    person = sequence.frames[0][0]
    align = pack("magicpose_core.pose.retarget.align").align
    (aligned,) = align(sequence, person, (WIDTH, HEIGHT)).sequence.frames[0]
    names = pack("magicpose_core.pose.skeletons").BODY
    for side in ("left", "right"):
        wrist = aligned.body.pixels(WIDTH, HEIGHT)[names.index(f"{side}_wrist")]
        hand = getattr(aligned, f"{side}_hand").pixels(WIDTH, HEIGHT)[0]
        np.testing.assert_allclose(hand, wrist, atol=1)


def test_faces_of_core_are_set_into_poses(pack, found):
    """In the form that MediaPipeFaceLandmarker.execute returns."""
    points, frames = found
    mesh = np.random.default_rng(1).uniform(-30, 30, (478, 2)).astype(np.float32) + points[0]
    face = {"landmarks_xy": mesh, "bbox_xyxy": np.zeros(4), "score": 0.9, "presence": 1.0}
    landmarks = {"frames": [[face]], "image_size": (HEIGHT, WIDTH), "connection_sets": {}}
    node = pack("nodes.pose_maps").ConvertPoses
    converted = node.execute(frames, "scores", landmarks).result[0]
    told = np.reshape(converted[0]["people"][0]["face_keypoints_2d"], (-1, 3))
    assert told.shape == (70, 3)
    assert np.linalg.norm(told[30, :2] - mesh[4]) < 1e-2
