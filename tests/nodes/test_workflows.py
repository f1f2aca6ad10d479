"""Every workflow of the pack runs through a ComfyUI server to the end."""

from __future__ import annotations

import json
import os
import time

import pytest
import torch
from PIL import Image

from . import api_form, graph, made_up
from .comfyui import PACK
from .conftest import COMFYUI
from .server import start_server

WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
BLUEPRINT = PACK / "subgraphs" / "Photo and dance video to video.json"
WIDE = "appearance-320.safetensors"
SMALL = {
    "preset": "custom",  # or the model file says how many steps
    "steps": 2,
    "width": 64,
    "height": 64,
    "size": 64,
    "shorter_side": 64,
    "frames": 3,
    "frames_per_batch": 2,
}


@pytest.fixture(scope="module")
def server(pack, tmp_path_factory):
    base = tmp_path_factory.mktemp("server")
    models = base / "models"
    small = made_up.networks(pack, (32, 64, 64, 64), "small")
    made_up.save(small, models / "magicpose" / "model_state-110000.th")
    save_motion(pack, models / "magicpose" / "mm_sd_v15_v2.ckpt")
    made_up.save(made_up.lora(small), models / "loras" / "style.safetensors")
    wide = made_up.networks(pack, (320, 320, 320, 320), "full")
    for name, prefixes in {
        "checkpoints/v1-5-pruned-emaonly-fp16.safetensors": ("model.", "first_", "cond_"),
        f"magicpose/{WIDE}": ("appearance_control_model.",),
    }.items():
        made_up.save(made_up.part(wide, *prefixes), models / name)
    control = {k.removeprefix("pose_"): w for k, w in wide.items() if k.startswith("pose_")}
    made_up.save(control, models / "controlnet" / "control_v11p_sd15_openpose_fp16.safetensors")
    with start_server(COMFYUI, base, "--preview-method", "latent2rgb") as running:
        yield running


def save_motion(pack, path):
    """Write a motion module for the small model, as AnimateDiff's authors do."""
    shape = pack("magicpose_core.models.motion_plan").MotionShape(
        channels=(32, 64, 64, 64), middle=True
    )
    with torch.device("meta"):
        module = pack("magicpose_core.models.motion").MotionModule(shape)
    weights = made_up.random_weights(module)
    weight_map = pack("magicpose_core.weights.motion").motion_map(shape)
    state = {weight_map.ldm_key(name): value for name, value in weights.items()}
    state |= {copy: state[key] for copy, key in weight_map.copies.items()}
    made_up.save(state, path)


@pytest.fixture(scope="module")
def infos(server):
    return server.get("/object_info")


@pytest.fixture(scope="module")
def inputs(server, infos):
    """A picture, a pose file and a video of a synthetic dancer, made by the nodes themselves."""
    dancer = {"dancer": 1, "driver": 2, "frames": 3, "size": 128, "framing": "full", "seed": 0}
    poses = {"poses": ["1", 1], "format": "pose_keypoint", "fps": 12.0}
    video = {"video": ["3", 0], "format": "mp4", "codec": "h264"}
    calls = [
        ("MagicPose_SyntheticDancer", dancer),
        ("MagicPose_SavePoses", {**poses, "filename_prefix": "dance"}),
        ("CreateVideo", {"images": ["1", 2], "fps": 12.0}),
        ("SaveVideo", {**video, "filename_prefix": "dance"}),
        ("SaveImage", {"images": ["1", 0], "filename_prefix": "person"}),
    ]
    prompt = {
        str(number): {"class_type": type_, "inputs": values}
        for number, (type_, values) in enumerate(calls, start=1)
    }
    assert server.run(prompt)["status"]["status_str"] == "success"
    output = server.base / "output"
    for pattern, name in (("dance*.json", "dance.json"), ("dance*.mp4", "dance.mp4")):
        next(output.glob(pattern)).rename(server.base / "input" / name)
    next(output.glob("person*.png")).rename(server.base / "input" / "example.png")
    return server.get("/object_info")


def run(server, workflow, infos):
    prompt = graph.shrink(graph.to_prompt(workflow, infos), **SMALL)
    types = {node["class_type"] for node in prompt.values()}
    if "MagicPose_ApplyMotion" in types:  # whose windows go through the model together
        prompt = graph.shrink(prompt, frames_per_batch=0)
    if "CheckpointLoaderSimple" in types:  # which wants the width of SD 1.5 beside it
        prompt = graph.shrink(prompt, file=lambda name: WIDE if "model_state" in name else name)
    return server.run(stored_poses(prompt))


def stored_poses(prompt):
    """Put the stored keypoints in place of a detector, whose weights are not here."""
    inputs = {"file": "dance.json", "width": 0, "height": 0}
    loader = {"class_type": "MagicPose_LoadPoses", "inputs": inputs}
    return {
        key: loader if node["class_type"] == "MagicPose_DetectPoses" else node
        for key, node in prompt.items()
    }


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_runs_to_the_end(server, inputs, path):
    workflow = json.loads(path.read_text())
    entry = run(server, workflow, inputs)
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]
    saved = [file for output in entry["outputs"].values() for file in output.get("images", [])]
    assert any(file["filename"].endswith(".mp4") for file in saved)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_api_form_is_the_same_graph(inputs, path):
    """MAGICPOSE_WRITE_API=1 writes it anew."""
    fresh = api_form.api_form(json.loads(path.read_text(encoding="utf-8")), inputs)
    if os.environ.get("MAGICPOSE_WRITE_API"):
        api_form.FOLDER.mkdir(exist_ok=True)
        api_form.path_of(path).write_text(fresh, encoding="utf-8")
    assert api_form.path_of(path).read_text(encoding="utf-8") == fresh


def test_blueprint_runs_to_the_end(server, inputs):
    blueprint = json.loads(BLUEPRINT.read_text())
    (node,) = blueprint["nodes"]
    (subgraph,) = blueprint["definitions"]["subgraphs"]
    assert node["type"] == subgraph["id"]
    assert [slot["label"] for slot in node["inputs"]] == ["dance video", "photo"]
    widgets = {
        (str(inner["id"]), name)
        for inner in subgraph["nodes"]
        if inner["type"] in inputs
        for name in graph.widget_values(inner, inputs)
    }
    assert {tuple(shown) for shown in node["properties"]["proxyWidgets"]} <= widgets
    prompt = graph.to_prompt(graph.unfold(blueprint, [1001, 1002]), inputs)
    video = next(key for key, call in prompt.items() if call["class_type"] == "CreateVideo")
    prompt["1001"] = {"class_type": "LoadVideo", "inputs": {"file": "dance.mp4"}}
    prompt["1002"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    save = {"video": [video, 0], "filename_prefix": "blueprint", "format": "auto", "codec": "auto"}
    prompt["1003"] = {"class_type": "SaveVideo", "inputs": save}
    entry = server.run(stored_poses(graph.shrink(prompt, **SMALL)))
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]


def test_interrupted_run_ends_and_the_next_one_runs(server, inputs):
    workflow = json.loads((PACK / "workflows" / "demo-dancer.json").read_text())
    small = {**SMALL, "steps": 100, "frames_per_batch": 0}  # the clip has a motion module's windows
    prompt = graph.shrink(graph.to_prompt(workflow, inputs), **small)
    _, answer = server.post("/prompt", {"prompt": prompt})
    deadline = time.monotonic() + 120
    while not server.log.read_text().count("0/100"):
        assert time.monotonic() < deadline, "the sampler never began its 100 steps"
        time.sleep(0.1)
    server.post("/interrupt", {})
    messages = server.wait(answer["prompt_id"])["status"]["messages"]
    assert messages[-1][0] == "execution_interrupted"
    assert run(server, workflow, inputs)["status"]["status_str"] == "success"


def test_deleted_model_is_explained_before_the_run(server, inputs):
    workflow = json.loads((PACK / "workflows" / "demo-dancer.json").read_text())
    prompt = graph.shrink(graph.to_prompt(workflow, inputs), file="gone.safetensors")
    status, answer = server.post("/prompt", {"prompt": prompt})
    assert status == 400
    said = [error["details"] for node in answer["node_errors"].values() for error in node["errors"]]
    assert any("gone.safetensors is in none of" in text for text in said)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_has_a_thumbnail_and_says_what_it_needs(path):
    workflow = json.loads(path.read_text())
    with Image.open(path.with_suffix(".jpg")) as thumbnail:
        assert thumbnail.size == (512, 512)
    notes = [n["widgets_values"][0] for n in workflow["nodes"] if n["type"] == "MarkdownNote"]
    assert notes
    for node in workflow["nodes"]:
        values = [value for value in node["widgets_values"] if isinstance(value, str)]
        if "model_state-110000.th" in values:
            assert any("https://github.com/Boese0601/MagicDance" in note for note in notes)
        if any(value.startswith(("v1-5", "control_v11p")) for value in values):
            model = node["properties"]["models"][0]
            assert model["name"] in values
            assert model["url"].startswith("https://")
