"""Errors name inputs of the node, not parameters of the core."""

from __future__ import annotations

import asyncio
import json

import pytest


def test_a_missing_size_is_asked_for_by_the_names_of_the_inputs(comfyui, pack):
    named = pack("nodes.input_names").told_in_inputs(pack("nodes.pose_maps").LoadPoses)
    (comfyui / "input" / "cmu.json").write_text(json.dumps([{"people": []}]), encoding="utf-8")
    with pytest.raises(ValueError, match="set width and height to that"):
        named.execute(file="cmu.json", width=0, height=0)


def test_other_errors_stay_as_they_are(pack):
    named = pack("nodes.input_names").told_in_inputs(pack("nodes.pose_maps").LoadPoses)
    with pytest.raises(ValueError, match=r"absent\.json is not in ComfyUI's input folder"):
        named.execute(file="absent.json", width=0, height=0)


def test_names_are_those_of_inputs_that_nodes_have(pack):
    extension = pack("nodes.extension").MagicPoseExtension()
    inputs = set()
    for node in asyncio.run(extension.get_node_list()):
        inputs |= {each.id for each in node.define_schema().inputs}
    told = " ".join(pack("nodes.input_names").INPUT_NAMES.values()).replace(" and ", " ")
    assert set(told.split()) <= inputs
