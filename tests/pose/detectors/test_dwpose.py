from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from magicpose_core.errors import CheckpointError, InputError, MissingDependencyError
from magicpose_core.pose.detectors.boxes import decode_boxes, letterbox
from magicpose_core.pose.detectors.open import open_detector
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.detectors.simcc import cut_out, decode_simcc
from magicpose_core.pose.formats.coco_wholebody import to_wholebody

from ..tiny_networks import CUT_HEIGHT, CUT_WIDTH, SIDE, point_bins, write_dwpose

pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def a_frame(height: int = 120, width: int = 96, *, bright: bool = True) -> np.ndarray:
    frame = np.zeros((height, width, 3), np.uint8)
    if bright:
        frame[:40, :40] = 255
    return frame


def test_known_peaks_become_known_points(tmp_path: Path) -> None:
    folder = write_dwpose(tmp_path)
    frame = a_frame()
    with open_detector(DetectorSettings(name="dwpose", weights=[folder], device="cpu")) as detector:
        people = detector.detect(frame)
        assert detector.runs_on == "onnxruntime on cpu"
    assert len(people) == 1
    scale = SIDE / 120  # of the letterbox: the higher side fills it
    center, sides = np.array([32, 32]) / scale, np.array([24, 48]) / scale
    room = 1.25 * sides
    factor = min(CUT_WIDTH / room[0], CUT_HEIGHT / room[1])
    expected = (point_bins() / 2 - (CUT_WIDTH / 2, CUT_HEIGHT / 2)) / factor + center
    found = to_wholebody(people[0], 96, 120)
    np.testing.assert_allclose(found[:, :2], expected, atol=0.01)
    np.testing.assert_allclose(found[:, 2], 0.8, atol=1e-6)


def test_nobody_is_an_empty_tuple(tmp_path: Path) -> None:
    settings = DetectorSettings(name="dwpose", weights=[write_dwpose(tmp_path)], device="cpu")
    with open_detector(settings) as detector:
        assert detector.detect(a_frame(bright=False)) == ()


def test_auto_says_that_the_cpu_is_slow(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has a GPU")
    with (
        caplog.at_level(logging.WARNING, "magicpose"),
        open_detector(DetectorSettings(name="dwpose", weights=[write_dwpose(tmp_path)])),
    ):
        assert "runs on the CPU, which is slow" in caplog.text


def test_a_device_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    folder = write_dwpose(tmp_path)
    with (
        pytest.raises(MissingDependencyError, match="has no CUDAExecutionProvider; it offers"),
        open_detector(DetectorSettings(name="dwpose", weights=[folder], device="cuda")),
    ):
        pass
    with (
        pytest.raises(InputError, match="not on mps"),
        open_detector(DetectorSettings(name="dwpose", weights=[folder], device="mps")),
    ):
        pass


def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    with (
        pytest.raises(MissingDependencyError, match=r"yolox_l\.onnx are missing.*download=True"),
        open_detector(DetectorSettings(name="dwpose", weights=[tmp_path])),
    ):
        pass
    folder = write_dwpose(tmp_path)
    (folder / "yolox_l.onnx").write_bytes((folder / "yolox_l.onnx").read_bytes()[:200])
    with (
        pytest.raises(CheckpointError, match=r"yolox_l\.onnx cannot be opened"),
        open_detector(DetectorSettings(name="dwpose", weights=[folder], device="cpu")),
    ):
        pass


def test_networks_without_hands_and_face_are_refused(tmp_path: Path) -> None:
    folder = write_dwpose(tmp_path, points=17)
    with (
        pytest.raises(CheckpointError, match="finds 17 points; MagicPose needs hands and face"),
        open_detector(DetectorSettings(name="dwpose", weights=[folder], device="cpu")),
    ):
        pass


def test_unknown_detectors_and_devices_are_refused() -> None:
    with pytest.raises(InputError, match="name must be one of dwpose, openpose, mediapipe"):
        DetectorSettings(name="alphapose")
    with pytest.raises(InputError, match="device must be one of"):
        DetectorSettings(device="tpu")


def test_letterbox_fits_the_picture_into_the_upper_left_and_swaps_to_bgr() -> None:
    frame = np.full((30, 60, 3), (10, 20, 30), np.uint8)
    square, scale = letterbox(frame, 120)
    assert scale == 2
    assert square.shape == (1, 3, 120, 120)
    assert square[0, :, 10, 10].tolist() == [30, 20, 10]
    assert square[0, :, 90, 10].tolist() == [114] * 3


def test_boxes_of_exports_with_own_suppression_are_read() -> None:
    boxes = np.array([[[10, 20, 30, 60, 0.9], [0, 0, 4, 4, 0.1], [1, 1, 9, 9, 0.8]]], np.float32)
    labels = np.array([[0, 0, 7]])
    np.testing.assert_allclose(
        decode_boxes([boxes, labels], 64, 0.5), [[20, 40, 60, 120, 0.9]], atol=1e-6
    )


def test_doubles_of_one_person_are_dropped_and_two_people_kept() -> None:
    boxes = np.array([[[0, 0, 20, 40, 0.9], [1, 1, 21, 41, 0.8], [40, 0, 60, 40, 0.7]]], np.float32)
    found = decode_boxes([boxes], 64, 1.0)
    np.testing.assert_allclose(found[:, 4], [0.9, 0.7])


def test_other_networks_are_refused() -> None:
    with pytest.raises(CheckpointError, match="not YOLOX"):
        decode_boxes([np.zeros((1, 1000), np.float32)], 64, 1.0)
    with pytest.raises(CheckpointError, match="not RTMPose or DWPose"):
        decode_simcc([np.zeros((1, 17, 64, 48), np.float32)], 48, np.eye(2, 3))


def test_cut_out_keeps_the_aspect_and_normalises_as_imagenet() -> None:
    frame = np.full((100, 100, 3), 124, np.uint8)
    cut, affine = cut_out(frame, np.array([40.0, 40, 60, 60]), CUT_WIDTH, CUT_HEIGHT)
    assert cut.shape == (1, 3, CUT_HEIGHT, CUT_WIDTH)
    assert affine[0, 0] == affine[1, 1] == CUT_WIDTH / 25
    np.testing.assert_allclose(affine @ [50, 50, 1], [CUT_WIDTH / 2, CUT_HEIGHT / 2])
    np.testing.assert_allclose(
        cut[0, :, 32, 24],
        (124 - np.array([123.675, 116.28, 103.53])) / [58.395, 57.12, 57.375],
        atol=1e-5,
    )
