"""What a detector lacks is told before a run: a graph is refused, and the page can say so."""

from __future__ import annotations

import pytest


@pytest.fixture
def detect(pack, comfyui, monkeypatch):
    """The node, in a ComfyUI whose packages are there and whose weights are not."""
    monkeypatch.setattr(pack("magicpose_core.pose.detectors.readiness"), "find_spec", lambda _: 1)
    return pack("nodes.pose_detect").DetectPoses


def test_a_graph_is_refused_with_the_files_that_are_missing(detect, comfyui):
    said = detect.validate_inputs("dwpose", False)
    assert "yolox_l.onnx" in said
    assert "dw-ll_ucoco_384.onnx" in said
    assert str(comfyui / "models" / "magicpose" / "detectors") in said


def test_a_graph_that_may_fetch_them_is_taken(detect):
    assert detect.validate_inputs("dwpose", True) is True


def test_what_another_node_decides_is_taken(detect):
    assert detect.validate_inputs(None, None) is True


def test_an_unknown_detector_is_refused(detect):
    assert detect.validate_inputs("dwpos", False).startswith("detector must be one of dwpose")


def test_the_page_is_told_of_every_detector(detect):
    (widget,) = (each for each in detect.define_schema().inputs if each.id == "detector")
    assert set(widget.extra_dict["lacks"]) == set(widget.options)
    assert "yolox_l.onnx" in widget.extra_dict["lacks"]["dwpose"]
