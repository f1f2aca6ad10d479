from __future__ import annotations

import builtins
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from magicpose_core.errors import CheckpointError, InputError, MissingDependencyError
from magicpose_core.pose.detectors.open import open_detector
from magicpose_core.pose.detectors.openpose import decode_face, usual_score
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.skeletons import BODY, HAND

from ..tiny_networks import BodyMaps, HeatMaps

SIDE = 368
PLACES = {
    "nose": (0.5, 0.15),
    "neck": (0.5, 0.3),
    "right_shoulder": (0.38, 0.3),
    "right_elbow": (0.3, 0.42),
    "right_wrist": (0.22, 0.54),
    "left_shoulder": (0.62, 0.3),
    "left_elbow": (0.7, 0.42),
    "left_wrist": (0.78, 0.54),
    "right_hip": (0.44, 0.58),
    "right_knee": (0.42, 0.74),
    "right_ankle": (0.42, 0.9),
    "left_hip": (0.56, 0.58),
    "left_knee": (0.58, 0.74),
    "left_ankle": (0.58, 0.9),
    "right_eye": (0.46, 0.1),
    "left_eye": (0.54, 0.1),
    "right_ear": (0.4, 0.12),
    "left_ear": (0.6, 0.12),
}
# First channel of each limb's field, in the order in which OpenPose groups joints.
FIELDS = [12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36]
HAND_PLACES = np.stack([np.linspace(0.25, 0.75, 21), np.linspace(0.7, 0.3, 21)], axis=1)
FACE_PLACES = np.stack([np.linspace(0.2, 0.8, 70), np.linspace(0.3, 0.6, 70)], axis=1)


class FaceMaps(nn.Module):
    """The face network gives a list, of which the last maps count."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = HeatMaps(np.zeros((70, 2)))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        return [self.maps(pictures)]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny networks in the place of OpenPose's, and files that tell them what to see."""
    for module in ("model", "face"):
        pytest.importorskip(f"controlnet_aux.open_pose.{module}", reason="needs controlnet-aux")
    from controlnet_aux.open_pose import face, model

    body = np.array([PLACES[joint] for joint in BODY.joints])
    limbs = list(BODY.limbs)
    monkeypatch.setattr(model, "bodypose_model", lambda: BodyMaps(0 * body, limbs, FIELDS))
    monkeypatch.setattr(model, "handpose_model", lambda: HeatMaps(0 * HAND_PLACES))
    monkeypatch.setattr(face, "FaceNet", FaceMaps)

    def save(name: str, places: np.ndarray) -> None:
        torch.save({"places": torch.tensor(places, dtype=torch.float32)}, tmp_path / name)

    save("body_pose_model.pth", body)
    save("hand_pose_model.pth", HAND_PLACES)
    torch.save({"maps.places": torch.tensor(FACE_PLACES).float()}, tmp_path / "facenet.pth")
    return tmp_path


def settings(folder: Path, device: str = "cpu") -> DetectorSettings:
    return DetectorSettings(name="openpose", weights=[folder], device=device)


def test_known_heat_maps_become_a_known_person(weights: Path) -> None:
    frame = np.zeros((SIDE, SIDE, 3), np.uint8)
    with open_detector(settings(weights)) as detector:
        assert detector.runs_on == "torch on cpu"
        (person,) = detector.detect(frame)
    expected = np.array([PLACES[joint] for joint in BODY.joints])
    np.testing.assert_allclose(person.body.xy, expected, atol=0.025)
    assert (person.body.score > 0.3).all()
    for hand, wrist, elbow in (
        (person.right_hand, PLACES["right_wrist"], PLACES["right_elbow"]),
        (person.left_hand, PLACES["left_wrist"], PLACES["left_elbow"]),
    ):
        assert hand is not None
        center = np.array(wrist) + 0.33 * (np.array(wrist) - elbow)
        np.testing.assert_allclose(hand.xy.mean(axis=0), center, atol=0.03)
        ways = np.diff(hand.xy[[0, len(HAND) - 1]], axis=0)[0]
        assert ways[0] > 0.05
        assert ways[1] < -0.04
        assert (hand.score == 1).all()
    assert person.face is not None
    side = 2 * 3 * 0.05  # three times the way from the nose to an eye, both ways
    corner = np.array(PLACES["nose"]) - side / 2
    np.testing.assert_allclose(person.face.xy, corner + side * FACE_PLACES, atol=0.03)


def test_two_of_its_maps_can_be_missing_without_shifting_the_others() -> None:
    heat = np.zeros((71, 10, 12), np.float32)
    for index in range(71):
        heat[index, index % 10, index % 12] = 0.9
    heat[3], heat[40] = 0, 0.01
    face = decode_face(heat, (100, 50), (200, 100))
    seen = [i for i in range(70) if i not in (3, 40)]
    assert face.score[[3, 40]].tolist() == [0, 0]
    np.testing.assert_allclose(
        face.xy[seen] * (200, 100), [(100 + i % 12, 50 + i % 10) for i in seen], atol=1e-4
    )


def test_accepted_peaks_reach_the_usual_threshold() -> None:
    peaks = np.array([0, 0.099, 0.1, 0.55, 1.0, 1.1], np.float32)
    np.testing.assert_allclose(usual_score(peaks, 0.1), [0, 0, 0.3, 0.65, 1, 1], atol=1e-6)


def test_damaged_and_other_weights_are_named(weights: Path) -> None:
    (weights / "hand_pose_model.pth").write_bytes(b"nothing")
    with (
        pytest.raises(CheckpointError, match=r"hand_pose_model\.pth cannot be read as weights"),
        open_detector(settings(weights)),
    ):
        pass
    torch.save({"other": torch.zeros(1)}, weights / "hand_pose_model.pth")
    with (
        pytest.raises(CheckpointError, match=r"lacks 1 tensors of the network, such as places"),
        open_detector(settings(weights)),
    ):
        pass
    for other, message in (
        ({"places": torch.zeros(1)}, "tensors of other shapes"),
        (torch.zeros(1), "holds no named tensors"),
    ):
        torch.save(other, weights / "hand_pose_model.pth")
        with (
            pytest.raises(CheckpointError, match=rf"hand_pose_model\.pth .*{message}"),
            open_detector(settings(weights)),
        ):
            pass


def test_pickles_are_not_executed(weights: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return builtins.exec, (f"open({str(weights / 'sprung')!r}, 'w')",)

    (weights / "body_pose_model.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(CheckpointError, match="cannot be read"), open_detector(settings(weights)):
        pass
    assert not (weights / "sprung").exists()


def test_missing_weights_and_devices_are_told_of(weights: Path, tmp_path: Path) -> None:
    (weights / "facenet.pth").unlink()
    with (
        pytest.raises(MissingDependencyError, match=r"facenet\.pth are missing"),
        open_detector(settings(weights)),
    ):
        pass
    with (
        pytest.raises(InputError, match="not on coreml"),
        open_detector(settings(weights, "coreml")),
    ):
        pass
    if not torch.cuda.is_available():
        with (
            pytest.raises(MissingDependencyError, match="no CUDA device"),
            open_detector(settings(weights, "cuda")),
        ):
            pass


def test_a_missing_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "controlnet_aux.open_pose", None)
    with (
        pytest.raises(MissingDependencyError, match="pip install controlnet-aux timm"),
        open_detector(settings(tmp_path)),
    ):
        pass
