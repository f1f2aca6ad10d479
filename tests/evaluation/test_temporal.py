"""Temporal figures against closed forms, and on dancers with the rig's exact flow."""

from collections.abc import Iterator

import numpy as np
import pytest

from magicpose_core.data.dancers.clips import draw_clip
from magicpose_core.errors import InputError
from magicpose_core.evaluation.optical_flow import (
    BackwardFlow,
    estimated_flows,
    follow,
    rig_flows,
)
from magicpose_core.evaluation.temporal import flicker, tpsnr, warp_error

SIZE, FRAMES, PEOPLE = 96, 8, (0, 1, 2)


def texture(height: int = 64, width: int = 64) -> np.ndarray:
    """Draw smooth waves, which bilinear sampling keeps, without a period inside the picture."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(0.23 * x + 0.11 * y + phase) for phase in (0.0, 1.0, 2.0)]
    waves[1] = waves[1] * np.cos(0.19 * y)
    return (127.5 + 100 * np.stack(waves, axis=-1)).astype(np.float32)


def shifted(by: int, count: int) -> list[np.ndarray]:
    """Let a window go over a wide texture: the picture moves ``by`` pixels left a frame."""
    wide = texture(width=64 + by * count)
    lefts = range(0, by * count, by)
    return [wide[:, left : left + 64].round().astype(np.uint8) for left in lefts]


def constant_flow(x: float, y: float, margin: int) -> BackwardFlow:
    valid = np.zeros((64, 64), bool)
    valid[margin : 64 - margin, margin : 64 - margin] = True
    return BackwardFlow(flow=np.tile(np.float32([x, y]), (64, 64, 1)), valid=valid)


@pytest.mark.parametrize("sigma", [2.0, 10.0])
def test_flicker_of_gaussian_noise_is_its_closed_form(sigma):
    rng = np.random.default_rng(0)
    truths = [texture() for _ in range(12)]
    results = [(truth + rng.normal(0, sigma, truth.shape)).astype(np.float32) for truth in truths]
    # the second difference has deviation sigma sqrt(1 + 4 + 1), and E|N(0, s)| is s sqrt(2 / pi)
    assert flicker(results, truths) == pytest.approx(sigma * np.sqrt(12 / np.pi), rel=0.02)


def test_flicker_of_gaussian_noise_survives_the_rounding_of_pictures():
    rng = np.random.default_rng(1)
    truths = [np.full((64, 64, 3), 128, np.uint8)] * 12
    results = [(128 + rng.normal(0, 5, (64, 64, 3))).round().astype(np.uint8) for _ in truths]
    assert flicker(results, truths) == pytest.approx(5 * np.sqrt(12 / np.pi), rel=0.05)


def test_flicker_looks_only_where_the_truth_stands_still():
    truths = [np.zeros((32, 32, 3), np.uint8) for _ in range(3)]
    results = [truth.copy() for truth in truths]
    truths[1][:16] = 1
    results[1][:16] = 200
    assert flicker(results, truths) == 0
    results[1][16:] = 10
    assert flicker(results, truths) == 20


def test_flicker_of_an_even_change_is_zero():
    truths = [np.zeros((8, 8, 3), np.uint8)] * 5
    assert flicker([truth + np.uint8(7 * t) for t, truth in enumerate(truths)], truths) == 0


def test_flicker_is_none_where_nothing_stands_still():
    moving = [np.full((8, 8, 3), t, np.uint8) for t in range(3)]
    assert flicker(moving, moving) is None


def test_warp_error_of_a_shifted_picture_along_its_flow_is_zero():
    frames = shifted(3, 4)
    flows = [constant_flow(3, 0, margin=4)] * 3
    assert warp_error(frames, flows) == 0


def test_warp_error_of_a_level_offset_is_its_square():
    frames = [np.full((64, 64, 3), 51 * t, np.float32) for t in range(3)]  # 0.2 a frame
    assert warp_error(frames, [constant_flow(0, 0, margin=0)] * 2) == pytest.approx(0.04)


def test_warp_error_is_none_without_a_valid_pixel():
    assert warp_error(shifted(1, 2), [constant_flow(1, 0, margin=32)]) is None


def test_estimated_flow_finds_a_known_shift():
    frames = shifted(3, 3)
    for flow in estimated_flows(frames):
        inner = flow.flow[12:-12, 12:-12]
        assert np.median(inner[..., 0]) == pytest.approx(3, abs=0.1)
        assert np.median(inner[..., 1]) == pytest.approx(0, abs=0.1)
        assert flow.valid[12:-12, 12:-12].mean() > 0.9
        assert not flow.valid[:, -2:].any()  # comes from outside
    assert warp_error(frames, estimated_flows(frames)) < 1e-4


def test_following_no_flow_changes_nothing():
    picture = texture()
    assert follow(picture, constant_flow(0, 0, margin=0)) == pytest.approx(picture, abs=1e-4)


def test_tpsnr_is_its_closed_form_and_infinite_for_the_truth():
    truths = [np.full((8, 8, 3), 100, np.uint8)] * 3
    results = [np.full((8, 8, 3), value, np.uint8) for value in (100, 151, 100)]  # +-0.2
    assert tpsnr(results, truths) == pytest.approx(-20 * np.log10(0.2))
    assert tpsnr(truths, truths) == float("inf")


@pytest.fixture(scope="module", params=PEOPLE)
def dancer(request) -> tuple[list[np.ndarray], list[BackwardFlow]]:
    clip = draw_clip(request.param, FRAMES)
    return [frame.picture for frame in clip.frames(SIZE)], list(rig_flows(clip, SIZE))


def test_true_dancers_do_not_flicker(dancer):
    frames, _ = dancer
    assert flicker(frames, frames) == 0


def test_a_frozen_clip_loses_to_the_truth_by_ten_on_warping_error(dancer):
    frames, flows = dancer
    truth, frozen = warp_error(frames, flows), warp_error([frames[0]] * FRAMES, flows)
    assert 0 <= truth < 0.1 * frozen


def test_a_frozen_clip_does_not_flicker_and_loses_on_tpsnr(dancer):
    frames, _ = dancer
    frozen = [frames[0]] * FRAMES
    assert flicker(frozen, frames) == 0
    noisy = np.random.default_rng(0).normal(0, 1, (FRAMES, *frames[0].shape))
    near = [(frame + noise).astype(np.float32) for frame, noise in zip(frames, noisy, strict=True)]
    assert tpsnr(frozen, frames) < tpsnr(near, frames)


def test_estimated_flow_of_dancers_ranks_the_truth_before_the_frozen_clip(dancer):
    frames, _ = dancer
    truth = warp_error(frames, estimated_flows(frames))
    assert truth < warp_error([frames[0]] * FRAMES, estimated_flows(frames))


def endless(frames: list[np.ndarray]) -> Iterator[np.ndarray]:
    yield from frames
    yield frames[-1]


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (lambda f: flicker(f[:2], f[:2]), "flicker needs at least 3 frames, got 2"),
        (lambda f: warp_error(f[:1], []), "warp_error needs at least 2 frames, got 1"),
        (lambda f: tpsnr(f[:1], f[:1]), "tpsnr needs at least 2 frames, got 1"),
        (lambda f: flicker(endless(f), f), "truths end after 3 frames"),
        (lambda f: flicker(f, endless(f)), "results end before"),
        (lambda f: flicker([g[:32] for g in f], f), "64 x 32 pixels and truths 64 x 64"),
        (lambda f: warp_error(f, [constant_flow(0, 0, 0)]), "end after 1"),
        (lambda f: warp_error(f, [constant_flow(0, 0, 0)] * 3), "of which there are 3"),
        (lambda f: list(estimated_flows([g[:8] for g in f])), "16 x 16"),
    ],
)
def test_bad_input_is_named(measure, text):
    with pytest.raises(InputError, match=text):
        measure(shifted(1, 3))
