"""A camera's motion comes out of a clip, and the person's own stays."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from magicpose_core.pose.camera import steady
from magicpose_core.pose.keypoints import Keypoints, PersonPose
from magicpose_core.pose.skeletons import BODY

WIDTH, HEIGHT, FRAMES = 320, 240, 40


@functools.cache
def wall() -> np.ndarray:
    """A wide wall of blotches, (480, 960, 3) uint8."""
    noise = np.random.default_rng(0).uniform(0, 255, (480, 960)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    level = (smooth - smooth.min()) / np.ptp(smooth) * 255
    return np.repeat(level[..., None], 3, axis=2).astype(np.uint8)


def walker(index: int) -> np.ndarray:
    """Places of a figure of 120 pixels on the wall: it walks and swings its arms."""
    spots = np.random.default_rng(1).uniform((-20, -60), (20, 60), (len(BODY), 2))
    return spots + (330 + 2.5 * index, 240) + np.sin(index / 3 + np.arange(len(BODY)))[:, None]


def filmed(index: int) -> tuple[np.ndarray, tuple[PersonPose, ...], np.ndarray]:
    """A frame of a pan with a zoom and a roll, its person, and where the first frame has them."""
    angle, zoom = 0.002 * index, 1 + 0.003 * index
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    look = np.array([300 + 4.0 * index, 240 + 0.5 * index])  # what the camera looks at
    shift = np.array([WIDTH, HEIGHT]) / 2 - turn @ look
    canvas, places = wall().copy(), walker(index)
    low, high = places.min(axis=0).astype(int), places.max(axis=0).astype(int)
    canvas[low[1] : high[1], low[0] : high[0]] = (200, 40, 40)
    seen = places @ turn.T + shift
    frame = cv2.warpAffine(canvas, np.c_[turn, shift], (WIDTH, HEIGHT))
    person = PersonPose(body=Keypoints.from_pixels(seen, np.ones(len(BODY)), WIDTH, HEIGHT))
    return frame, (person,), places - (300, 240) + (WIDTH / 2, HEIGHT / 2)


def test_a_walk_under_a_known_pan_comes_back_within_one_percent_of_the_height() -> None:
    shots = [filmed(index) for index in range(FRAMES)]
    found = steady((frame, people) for frame, people, _ in shots)
    for (person,), (_, _, truth) in zip(found, shots, strict=True):
        missed = np.linalg.norm(person.body.pixels(WIDTH, HEIGHT) - truth, axis=-1)
        assert missed.max() < 0.01 * HEIGHT


def test_without_background_the_camera_stands_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, people, _ = filmed(0)
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert list(steady([(blank, people), (blank, people), (blank, ())])) == [people, people, ()]
    assert "could not be followed in 2 of 3 frames" in caplog.text
