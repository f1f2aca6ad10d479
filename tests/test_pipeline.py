"""The front door: every form of input, mistakes at the call, lazy clips, results whole or not."""

from __future__ import annotations

import dataclasses
import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from magicpose_core import (
    AlignSettings,
    InputError,
    MagicPosePipeline,
    OutputError,
    PoseSequence,
    PoseSettings,
    SamplingSettings,
    SmoothSettings,
    Span,
    align_poses,
    load_pipeline,
    prepare_poses,
    read_poses,
    smooth_poses,
    write_poses,
)
from magicpose_core.data.dancers.clips import clip_postures, dancer_frame
from magicpose_core.data.dancers.person import draw_dancer
from magicpose_core.demo.model import DEMO_CHECKPOINT

README = Path(__file__).parent.parent / "README.md"
QUICK = SamplingSettings(steps=1, guidance_scale=1.0)
SIDE = 64


@pytest.fixture
def pipeline(micro_models):
    return MagicPosePipeline(micro_models)


@pytest.fixture(scope="module")
def pixels():
    """(H, W, 3) uint8, the picture of a person."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def maps():
    """(F, H, W, 3) uint8 pose maps: lines on black."""
    drawn = np.zeros((2, SIDE, SIDE, 3), np.uint8)
    drawn[0, 10:50, 30:34] = (255, 0, 85)
    drawn[1, 20:24, 10:60] = (0, 255, 170)
    return drawn


@pytest.fixture(scope="module")
def dance():
    """Keypoints of a drawn dancer, three frames."""
    dancer = draw_dancer(0, "heldout")
    people = [(dancer_frame(dancer, pose, SIDE).pose,) for pose in clip_postures(0, 3)]
    return PoseSequence(frames=tuple(people), width=128, height=128, fps=10)


def rendered(pipeline, reference, poses, **options):
    options = {"size": (SIDE, SIDE), "settings": QUICK} | options
    return np.stack(list(pipeline.render(reference, poses, **options)))


def picture_forms(pixels, folder):
    path = folder / "person.png"
    Image.fromarray(pixels).save(path)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    return {
        "path": path,
        "text": str(path),
        "PIL": Image.fromarray(pixels),
        "uint8 array": pixels,
        "float array": pixels.astype(np.float32) / 255,
        "uint8 tensor": tensor,
        "float tensor": tensor.float() / 255,
        "batch": tensor[None].double() / 255,
        "list": [path],
    }


def test_every_form_of_a_picture_is_the_same_picture(pipeline, pixels, maps, tmp_path):
    first = rendered(pipeline, pixels, maps)
    for form, picture in picture_forms(pixels, tmp_path).items():
        np.testing.assert_array_equal(rendered(pipeline, picture, maps), first, err_msg=form)


def test_every_form_of_pose_maps_is_the_same_clip(pipeline, pixels, maps, tmp_path):
    for index, pose_map in enumerate(maps):
        Image.fromarray(pose_map).save(tmp_path / f"{index}.png")
    tensor = torch.from_numpy(maps).permute(0, 3, 1, 2)
    forms = {
        "folder": tmp_path,
        "PIL": [Image.fromarray(pose_map) for pose_map in maps],
        "paths": sorted(tmp_path.iterdir()),
        "float array": maps / 255,
        "uint8 tensor": tensor,
        "float tensor": tensor.float() / 255,
        "prepared": prepare_poses(maps, size=(SIDE, SIDE)),
    }
    first = rendered(pipeline, pixels, maps)
    for form, poses in forms.items():
        np.testing.assert_array_equal(rendered(pipeline, pixels, poses), first, err_msg=form)


def test_keypoints_are_cleaned_and_aligned_in_the_same_call_or_alone(
    pipeline, pixels, dance, tmp_path
):
    write_poses(tmp_path / "dance.json", dance)
    person = dataclasses.replace(dance, frames=dance.frames[2:])
    write_poses(tmp_path / "person.json", person)
    together = PoseSettings(
        smooth=SmoothSettings(), align=AlignSettings(), align_to=tmp_path / "person.json"
    )
    one_call = rendered(pipeline, pixels, tmp_path / "dance.json", pose_settings=together)
    poses = align_poses(
        smooth_poses(read_poses(tmp_path / "dance.json")), to=tmp_path / "person.json"
    )
    np.testing.assert_array_equal(rendered(pipeline, pixels, poses), one_call)
    plain = rendered(pipeline, pixels, dance)
    assert plain.shape == one_call.shape == (3, SIDE, SIDE, 3)
    assert not np.array_equal(plain, one_call)


def test_a_span_chooses_frames_of_any_form(pipeline, pixels, maps, dance):
    every_second = PoseSettings(span=Span(stride=2))
    clip = pipeline.render(pixels, dance, size=(SIDE, SIDE), pose_settings=every_second)
    assert (len(clip), clip.fps) == (2, 5)
    last = PoseSettings(span=Span(start=1))
    np.testing.assert_array_equal(
        rendered(pipeline, pixels, maps, pose_settings=last),
        rendered(pipeline, pixels, maps[1:]),
    )


FAR = np.full((1, SIDE, SIDE, 3), 0.5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"reference": None}, "reference must be a path.*got NoneType"),
        ({"poses": None}, "poses must be a path.*got NoneType"),
        ({"reference": []}, "reference is empty"),
        ({"reference": np.zeros((SIDE, SIDE, 3), np.int64)}, "uint8 in 0..255 or float in 0..1"),
        ({"reference": torch.zeros((3, 8, 8), dtype=torch.bool)}, "got torch.bool"),
        ({"reference": np.full((8, 8, 3), 255.0)}, "floats from 255 to 255; floats lie in 0..1"),
        ({"reference": torch.full((3, 8, 8), -0.5)}, "floats from -0.5"),
        ({"reference": np.full((8, 8, 3), np.nan)}, "NaN"),
        ({"reference": np.zeros((8, 8, 4), np.uint8)}, r"\(H, W, 3\).*got \(8, 8, 4\)"),
        ({"reference": torch.zeros(8, 8, 3)}, r"\(3, H, W\).*movedim"),
        ({"reference": Image.new("RGBA", (8, 8))}, "mode RGBA; convert it to RGB"),
        ({"reference": "absent.png"}, "no picture at absent.png"),
        ({"poses": "absent"}, "absent"),
        ({"poses": FAR}, "holds a picture, not a pose map"),
        ({"poses": np.zeros((SIDE, SIDE, 3), np.uint8)}, r"\(F, H, W, 3\)"),
        ({"poses": np.full((1, 8, 8, 3), 2.0)}, "poses holds floats from 2"),
        ({"poses": np.zeros((0, 8, 8, 3), np.uint8)}, r"\(0, 8, 8, 3\)|0 pose maps"),
        ({"pose_settings": PoseSettings(align=AlignSettings())}, "cannot be aligned or smoothed"),
        ({"pose_settings": PoseSettings(span=Span(start=9))}, "none in the chosen frames"),
        ({"size": (100, 64)}, "multiples of 64, got 100 x 64"),
        ({"size": (64, 640_000)}, "8192 pixels at most"),
        ({"size": "64x64"}, r"size must be \(width, height\)"),
        ({"prompt": "a dancer"}, "needs a tokenizer"),
        ({"reference_per_frame": True}, "as many pictures as pose_maps, got 1 and 2"),
    ],
)
def test_mistakes_are_told_at_the_call(pipeline, pixels, maps, change, text):
    inputs = {"reference": pixels, "poses": maps, "size": (SIDE, SIDE)} | change
    with pytest.raises(InputError, match=text):
        pipeline.render(**inputs)


def test_a_clip_is_sampled_once_when_a_frame_is_asked_for(pipeline, pixels, maps):
    steps = []
    clip = pipeline.render(
        pixels, maps, size=(SIDE, SIDE), settings=SamplingSettings(steps=2), on_step=steps.append
    )
    assert steps == []
    frames = list(clip)
    assert [(step.done, step.total) for step in steps] == [(1, 2), (2, 2)]
    assert [frame.dtype for frame in frames] == [np.uint8] * len(clip)
    for frame, again, picture in zip(frames, clip, clip.pictures(), strict=True):
        np.testing.assert_array_equal(frame, again)
        np.testing.assert_array_equal(frame, np.array(picture))
    assert len(steps) == 2
    (preview,) = pipeline.decode(steps[0].clean()[:1])
    assert preview.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(next(pipeline.decode(steps[-1].latents)), frames[0])


def test_the_networks_are_left_as_they_were(pipeline, pixels, maps):
    def state():
        networks = (pipeline.models.denoiser, pipeline.models.vae, pipeline.models.text)
        return {
            id(tensor): (tensor.dtype, tensor.device, tensor.data_ptr(), tensor._version)
            for network in networks
            for tensor in (*network.parameters(), *network.buffers())
        }

    before = state()
    rendered(pipeline, pixels, maps)
    assert state() == before


def test_a_pipeline_is_moved_to_another_dtype_and_back(pixels, maps):
    files = {"device": "cpu", "dtype": "fp32"}
    pipeline = load_pipeline(DEMO_CHECKPOINT, **files)
    assert (pipeline.device, pipeline.dtype) == (torch.device("cpu"), torch.float32)
    assert pipeline.to(dtype="bf16") is pipeline
    assert pipeline.dtype == torch.bfloat16
    assert pipeline.to("cpu", torch.float32).dtype == torch.float32
    assert rendered(pipeline, pixels, maps).shape == (2, SIDE, SIDE, 3)
    with pytest.raises(InputError, match="dtype must be one of fp32, fp16, bf16"):
        pipeline.to(dtype="fp8")
    with pytest.raises(InputError, match="no device 'abacus'"):
        pipeline.to("abacus")


def test_a_clip_is_saved_with_its_sheet_and_settings(pipeline, pixels, maps, tmp_path):
    clip = pipeline.render(pixels, maps, size=(SIDE, SIDE), settings=QUICK, prompt="")
    assert clip.save(tmp_path / "out" / "clip.mp4", fps=12) == tmp_path / "out" / "clip.mp4"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clip.json",
        "clip.mp4",
        "clip.sheet.png",
    ]
    settings = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert settings["sampling"]["steps"] == 1
    assert settings["sampling"]["scheduler"] == "ddim"
    assert (settings["frames"], settings["fps"], settings["size"]) == (2, 12, [SIDE, SIDE])
    assert settings["poses"] == f"ndarray (2, {SIDE}, {SIDE}, 3) uint8"
    clip.save(tmp_path / "frames", sheet=False, settings=False)
    saved = [np.array(Image.open(path)) for path in sorted((tmp_path / "frames").iterdir())]
    np.testing.assert_array_equal(saved, list(clip))
    assert not (tmp_path / "frames.json").exists()


def test_what_is_there_or_read_is_never_replaced_unasked(pipeline, pixels, maps, tmp_path):
    Image.fromarray(pixels).save(tmp_path / "person.sheet.png")
    clip = pipeline.render(tmp_path / "person.sheet.png", maps, size=(SIDE, SIDE), settings=QUICK)
    with pytest.raises(InputError, match="is an input and would be replaced"):
        clip.save(tmp_path / "person.mp4", force=True)
    (tmp_path / "clip.mp4").write_bytes(b"precious")
    with pytest.raises(OutputError, match="is there already"):
        clip.save(tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"precious"
    with pytest.raises(InputError, match=r"NAME\.mp4 or a folder"):
        clip.save(tmp_path / "clip.avi")


def test_an_interrupted_save_leaves_nothing(pipeline, pixels, maps, tmp_path):
    def interrupt(step):
        raise KeyboardInterrupt

    clip = pipeline.render(pixels, maps, size=(SIDE, SIDE), settings=QUICK, on_step=interrupt)
    with pytest.raises(KeyboardInterrupt):
        clip.save(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_lines_of_the_readme_run(tmp_path, monkeypatch, pixels, dance):
    """Exactly those lines, in a folder that holds what they name."""
    block = r"```python\n(from magicpose_core import .*?)```"
    lines = re.search(block, README.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert len([line for line in lines.splitlines() if line.strip()]) <= 5
    monkeypatch.chdir(tmp_path)
    shutil.copy(DEMO_CHECKPOINT, "magicpose.safetensors")
    note = {"size": [SIDE, SIDE], "steps": 1, "guidance_scale": 1.0}
    Path("magicpose.note.json").write_text(json.dumps(note))
    Image.fromarray(pixels).save("person.png")
    write_poses(Path("dance.json"), dance)
    Path("lines.py").write_text(lines)
    runpy.run_path("lines.py")
    assert Path("clip.mp4").stat().st_size > 0
    settings = json.loads(Path("clip.json").read_text())
    assert (settings["frames"], settings["size"], settings["fps"]) == (3, [SIDE, SIDE], 10)
