"""A detector's lacks are told before it runs."""

from __future__ import annotations

import pytest

from magicpose_core.pose.detectors import readiness
from magicpose_core.pose.detectors.readiness import what_lacks
from magicpose_core.pose.detectors.settings import DetectorSettings
from magicpose_core.pose.detectors.weights import PERSON_BOXES, WHOLE_BODY


@pytest.fixture
def with_packages(monkeypatch):
    monkeypatch.setattr(readiness, "find_spec", lambda name: object())


def test_every_missing_file_is_named_with_its_address_and_its_place(with_packages, tmp_path):
    said = what_lacks(DetectorSettings(name="dwpose", weights=[tmp_path]))
    for file in (PERSON_BOXES, WHOLE_BODY):
        assert file.name in said
        assert file.url in said
    assert said.endswith(f"in {tmp_path}")


def test_nothing_lacks_where_the_files_or_others_like_them_lie(with_packages, tmp_path):
    (tmp_path / "deep").mkdir()
    for name in (PERSON_BOXES.name, "rtmw-x.onnx"):
        (tmp_path / "deep" / name).touch()
    assert what_lacks(DetectorSettings(name="dwpose", weights=[tmp_path])) is None


def test_nothing_lacks_where_files_may_be_fetched(with_packages, tmp_path):
    assert what_lacks(DetectorSettings(name="openpose", weights=[tmp_path], download=True)) is None


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(readiness, "find_spec", lambda name: None)
    said = what_lacks(DetectorSettings(name="openpose", weights=[tmp_path]))
    assert "pip install controlnet-aux" in said


def test_missing_files_are_named_beside_a_missing_package(monkeypatch, tmp_path):
    monkeypatch.setattr(readiness, "find_spec", lambda name: None)
    said = what_lacks(DetectorSettings(name="dwpose", weights=[tmp_path]))
    assert "pip install onnxruntime; and " in said
    assert PERSON_BOXES.name in said
    assert said.endswith(f"in {tmp_path}")


def test_a_missing_environment_of_mediapipe_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("MAGICPOSE_POSE_PYTHON", str(tmp_path / "python"))
    assert "make pose-env" in what_lacks(DetectorSettings(name="mediapipe"))
