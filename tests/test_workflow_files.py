"""The templates as files: what opens in view, what lies where, and the form that they are.

That they run is tested in ComfyUI (tests/nodes/test_workflows.py).
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

WORKFLOWS = sorted((Path(__file__).parent.parent / "workflows").glob("*.json"))
TITLE = 30  # height of a node's title, above its position
WINDOW = (1280, 720)  # of a laptop; ComfyUI's bars take 60 pixels on the left and above


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def box(node):
    x, y = node["pos"]
    width, height = node["size"]
    return x, y - TITLE, x + width, y + height


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_nodes_do_not_lie_on_each_other(workflow):
    for one, other in itertools.combinations(workflow["nodes"], 2):
        assert not overlap(box(one), box(other)), (one["id"], other["id"])


def test_groups_do_not_lie_on_each_other_and_hold_whole_nodes(workflow):
    boxes = [
        (x, y, x + width, y + height)
        for x, y, width, height in (group["bounding"] for group in workflow["groups"])
    ]
    for one, other in itertools.combinations(boxes, 2):
        assert not overlap(one, other)
    for node, group in itertools.product(workflow["nodes"], boxes):
        x0, y0, x1, y1 = box(node)
        whole = group[0] <= x0 and group[1] <= y0 and x1 <= group[2] and y1 <= group[3]
        assert whole or not overlap(box(node), group), node["id"]


def test_the_note_opens_in_view(workflow):
    view = workflow["extra"]["ds"]
    (note,) = (node for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    x0, y0, x1, y1 = (
        (edge + view["offset"][index % 2]) * view["scale"] for index, edge in enumerate(box(note))
    )
    assert x0 >= 60
    assert y0 >= 60
    assert x1 <= WINDOW[0]
    assert y1 <= WINDOW[1]


def test_the_form_shows_widgets_of_the_graph_under_names_for_people(workflow):
    assert workflow["extra"]["linearMode"] is True
    form = workflow["extra"]["linearData"]
    nodes = {node["id"]: node for node in workflow["nodes"]}
    labels = []
    for node_id, widget in form["inputs"]:
        (slot,) = (slot for slot in nodes[node_id]["inputs"] if slot["name"] == widget)
        assert slot["widget"]["name"] == widget
        assert slot["link"] is None, "a widget that a link feeds does nothing"
        labels.append(slot["label"])
    assert labels
    assert len(set(labels)) == len(labels)
    assert [nodes[node_id]["type"] for node_id in form["outputs"]] == ["SaveVideo"]


def test_the_sound_and_the_speed_of_a_dance_video_go_into_the_result(workflow):
    nodes = {node["id"]: node for node in workflow["nodes"]}
    (video,) = (node for node in nodes.values() if node["type"] == "CreateVideo")
    sources = {
        slot["name"]: nodes[origin]["type"]
        for slot in video["inputs"]
        for link, origin, *_ in workflow["links"]
        if slot["link"] == link
    }
    if any(node["type"] == "LoadVideo" for node in nodes.values()):
        assert sources["audio"] == "GetVideoComponents"
        assert sources["fps"] == "GetVideoComponents"


def test_a_model_that_must_be_fetched_says_where_it_belongs(workflow):
    for node in workflow["nodes"]:
        names = [value for value in node.get("widgets_values", ()) if isinstance(value, str)]
        if "model_state-110000.th" in names:
            (model,) = node["properties"]["models"]
            assert model["directory"] == "magicpose"
