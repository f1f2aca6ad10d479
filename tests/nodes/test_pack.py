"""How the pack loads, and what the list of nodes promises."""

from __future__ import annotations

import pytest

HEAVY = ("diffusers", "transformers", "onnxruntime", "controlnet_aux", "cv2")


@pytest.fixture(scope="module")
def node_infos(pack):
    import nodes

    pack("nodes.extension")
    ours = {name: cls for name, cls in nodes.NODE_CLASS_MAPPINGS.items() if "MagicPose_" in name}
    assert ours
    return {name: cls.GET_NODE_INFO_V1() for name, cls in ours.items()}


def test_every_input_and_output_says_what_it_is(node_infos):
    for name, info in node_infos.items():
        assert info["category"].split("/")[0] == "MagicPose", name
        assert len(info["description"]) > 20, name
        for section in ("required", "optional"):
            for input_name, (_, options) in info["input"].get(section, {}).items():
                assert len(options.get("tooltip", "")) > 10, (name, input_name)
        assert all(info["output_tooltips"]), (name, info["output_tooltips"])
