"""Inputs of every command, as small as they can be: a folder that fuzzers and killers work from.

person.png  maps/  truth/  clip.mp4  poses.json  weights/ (DWPose)  dancers/
model.safetensors  vae.safetensors  vae.toml  base.toml  stage1.toml  stage2.toml
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image

from magicpose_core.data.dancers.export import ClipExport, write_dancer_clips
from magicpose_core.pose.formats.pose_files import write_poses
from magicpose_core.pose.sources import draw_sequence
from magicpose_core.training.config import NetworkConfig
from magicpose_core.training.export import export
from magicpose_core.training.fresh import fresh_denoiser, fresh_text, fresh_vae
from magicpose_core.weights.heads import Heads

from .keypoints import a_clip

NETWORK = NetworkConfig(
    channels=(32, 32, 64, 64),
    heads=4,
    text_width=16,
    vae_channels=(32, 32, 32, 32),
    vae_resnets=1,
)
_FRAMES = 2  # of each dancer
_CONFIG = """\
output = "{output}"
[data]
source = "dancers"
size = {size}
people = 2
frames = {frames}
heldout = 1
{clip}cache = "{cache}"
[start]
{start}
[network]
channels = [32, 32, 64, 64]
heads = 4
text_width = 16
vae_channels = [32, 32, 32, 32]
vae_resnets = 1
[optimizer]
learning_rate = 1e-3
batch = 1
ema = 0.9
[run]
steps = {steps}
save_every = 1
validate_every = 2
sample_every = 0
seed = 7
"""


def write_inputs(folder: Path) -> Path:
    """Fill a folder; returns it."""
    clip = a_clip()
    write_poses(folder / "poses.json", replace(clip, frames=clip.frames[:2]))
    for number, pose_map in enumerate(draw_sequence(replace(clip, frames=clip.frames[:2]))):
        for name in ("maps", "truth"):
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(pose_map).save(folder / name / f"{number}.png")
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(picture).save(folder / "person.png")
    jobs = [{"reference": "person.png", "poses": "maps", "out": name} for name in ("one", "two")]
    text = "".join(json.dumps(job) + "\n" for job in jobs)
    (folder / "jobs.jsonl").write_text(text, encoding="utf-8")
    _load("clip_fixtures").write_video(folder / "clip.mp4", "xx.x")
    _load("tiny_networks").write_dwpose(folder / "weights")
    clips = [ClipExport(index=0, split=split, count=1, size=32) for split in ("train", "heldout")]
    write_dancer_clips(folder / "dancers", clips)
    _write_models(folder)
    return folder


def write_config(folder: Path, stage: str, output: Path, *, steps: int = 3) -> Path:
    """Write the configuration of a stage that works from ``folder`` into ``output``."""
    name = {"vae": None, "base": "vae"}.get(stage, "checkpoint")
    file = folder / ("vae.safetensors" if name == "vae" else "model.safetensors")
    text = _CONFIG.format(
        output=output / "run",
        cache=output / "cache",
        frames=_FRAMES,
        size=16 if stage == "vae" else 64,
        clip=f"clip = {_FRAMES}\n" if stage == "stage3" else "",
        start="" if name is None else f'{name} = "{file}"',
        steps=steps,
    )
    path = output / f"{stage}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _write_models(folder: Path) -> None:
    denoiser, vae = fresh_denoiser(NETWORK, 0), fresh_vae(NETWORK, 0)
    text = fresh_text(NETWORK, 0)
    parts = {
        "unet": denoiser.unet,
        "appearance": denoiser.appearance,
        "pose": denoiser.pose,
        "vae": vae,
        "text": text,
    }
    heads = Heads(unet=NETWORK.heads, text=text.shape.heads)
    export(folder / "model.safetensors", parts, dtype=torch.float32, heads=heads)
    export(folder / "vae.safetensors", {"vae": vae}, dtype=torch.float32, heads=heads)


def _load(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "pose" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"pose_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
