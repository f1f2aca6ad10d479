"""The exact flow of the rig."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from magicpose_core.data.dancers.clips import draw_clip, free_scene
from magicpose_core.data.dancers.flow import clip_flows, exact_flow
from magicpose_core.data.dancers.surfaces import Affine, Outline, Oval
from magicpose_core.data.dancers.view import View

SIZE = 96


def warped(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Fetch, for each pixel, what lies at its place in the next frame."""
    y, x = np.mgrid[: len(flow), : flow.shape[1]].astype(np.float32)
    return cv2.remap(
        picture.astype(np.float32), x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR
    )


def test_nothing_flows_in_a_still_picture():
    scene = free_scene(0, 0, "heldout")
    still = exact_flow(scene, scene, SIZE)
    assert np.abs(still.flow).max() < 1e-3
    assert still.valid.mean() > 0.8
    assert 0.1 < still.person.mean() < 0.9


@pytest.mark.parametrize("offset", [0.125 + 0j, 0.0625 - 0.03125j])
def test_a_pan_moves_everything_by_the_same_way(offset):
    scene = replace(free_scene(1, 0, "heldout"), view=View())
    found = exact_flow(scene, replace(scene, view=View().panned(offset)), SIZE)
    expected = [-offset.real * SIZE, -offset.imag * SIZE]
    assert found.flow.reshape(-1, 2) == pytest.approx(np.tile(expected, (SIZE**2, 1)), abs=1e-3)


def test_a_zoom_keeps_its_centre_and_stretches_the_rest():
    scene = replace(free_scene(1, 0, "heldout"), view=View())
    found = exact_flow(scene, replace(scene, view=View(zoom=1.1)), SIZE)
    y, x = np.mgrid[:SIZE, :SIZE] + 0.25 - SIZE / 2
    assert found.flow[..., 0] == pytest.approx(0.1 * x, abs=1e-3)
    assert found.flow[..., 1] == pytest.approx(0.1 * y, abs=1e-3)


def test_a_moving_arm_moves_and_the_rest_of_the_picture_stays():
    scene = free_scene(0, 0, "heldout", "full")
    still = scene.posture._replace(turn=0.0, right_arm=1.0, right_elbow=0.0)
    raised = still._replace(right_arm=1.1)
    found = exact_flow(replace(scene, posture=still), replace(scene, posture=raised), SIZE)
    moving = np.abs(found.flow).max(axis=2) > 0.01
    assert 0.01 < moving.mean() < 0.15
    assert np.nonzero(moving)[1].max() < SIZE / 2
    assert found.flow[moving][:, 1].mean() < 0  # upwards


def test_frames_fetched_along_the_flow_are_the_frames_before():
    """The truth's error is below a tenth of what a picture that never moves has."""
    along, still, place = [], [], []
    for index in range(6):
        clip = draw_clip(index, 12, pan=0.04 + 0j if index % 2 else 0j)
        pictures = [frame.picture.astype(float) for frame in clip.frames(SIZE)]
        for number, found in enumerate(clip_flows(clip, SIZE)):
            before, after = pictures[number], pictures[number + 1]
            error = np.abs(warped(after, found.flow) - before).mean(axis=2)
            person = found.valid & found.person
            along.append(error[person].mean())
            still.append(np.abs(after - before).mean(axis=2)[person].mean())
            place.append(error[found.valid & ~found.person].mean())
            assert found.valid[found.person].mean() > 0.4
    assert np.mean(along) < np.mean(still) / 10
    assert max(place) < 1


def test_closed_eyes_have_no_flow_to_open_ones():
    scene = free_scene(0, 0, "heldout", "waist")
    eyes_open = scene.posture._replace(blink=0.0, turn=0.0)
    closed = eyes_open._replace(blink=1.0)
    found = exact_flow(replace(scene, posture=eyes_open), replace(scene, posture=closed), SIZE)
    assert np.abs(found.flow[found.valid]).max() < 1
    same = exact_flow(replace(scene, posture=eyes_open), replace(scene, posture=eyes_open), SIZE)
    assert (same.valid & ~found.valid).sum() > 20


def test_ovals_map_axis_onto_axis():
    first = Oval(centre=1 + 1j, axes=2 + 1j, along=1 + 0j)
    second = Oval(centre=0j, axes=1 + 3j, along=1j)
    motion = first.motion_to(second)
    ends = np.array([1 + 1j, 3 + 1j, 1 + 2j])
    assert motion(ends) == pytest.approx(np.array([0, 1j, -3]))


def test_outlines_map_as_an_affine_change_of_them_did():
    change = Affine(a=0.8 + 0.3j, b=0.1 - 0.2j, c=0.5 + 0.1j)
    points = np.array([0, 1, 1 + 2j, 0.3 + 1j])
    found = Outline(points=points, stiff=False).motion_to(
        Outline(points=change(points), stiff=False)
    )
    inside = np.array([0.4 + 0.5j, 0.7 + 1j])
    assert found(inside) == pytest.approx(change(inside))
    assert (
        Outline(points=points, stiff=True).motion_to(Outline(points=points[:3], stiff=True)) is None
    )
