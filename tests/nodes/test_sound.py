"""A dance video's sound and speed are those of the result."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest

from . import graph
from .comfyui import PACK
from .test_workflows import SMALL

RATE = 44100
TONES = (440.0, 880.0)  # of the first and the second half second
FRAMES, FPS = 12, Fraction(12)
SAMPLES = PACK / "web" / "page" / "samples"


def write_dance(path):
    """A second of pictures; its sound is one tone, then another."""
    times = np.arange(RATE) / RATE
    tone = np.where(times < 0.5, *(np.sin(2 * np.pi * hertz * times) for hertz in TONES))
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=FPS)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for index in range(FRAMES):
            picture = np.full((64, 64, 3), index * 20, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        sound = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        sound.sample_rate = RATE
        container.mux(audio.encode(sound))
        for stream in (video, audio):
            container.mux(stream.encode())


def probe(path):
    """Frame rate, number of frames, and the tone of each half of the sound."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = sum(1 for _ in container.decode(video=0))
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        sound = np.concatenate([f.to_ndarray().mean(0) for f in container.decode(audio=0)])
        sample_rate = container.streams.audio[0].rate
    halves = np.array_split(sound, 2)
    peaks = [np.abs(np.fft.rfft(half)).argmax() * sample_rate / len(half) for half in halves]
    return rate, frames, peaks, len(sound) / sample_rate


@pytest.fixture(scope="module")
def dance(small_server):
    """The video and a pose file as long, in the input folder; the latter's name."""
    folder = small_server.base / "input" / "magicpose"
    folder.mkdir(exist_ok=True)
    write_dance(folder / "sound.mp4")
    poses = json.loads((SAMPLES / "wave.json").read_text())
    (folder / "twelve.json").write_text(json.dumps({**poses, "frames": poses["frames"][:FRAMES]}))
    shutil.copy(SAMPLES / "ada.png", folder)
    return "magicpose/twelve.json"


def run(server, prompt, poses):
    """Run a graph with stored poses in place of a detector; returns the video that it saved."""
    stored = {
        "class_type": "MagicPose_LoadPoses",
        "inputs": {"file": poses, "width": 0, "height": 0},
    }
    prompt = {
        key: stored if node["class_type"] == "MagicPose_DetectPoses" else node
        for key, node in prompt.items()
    }
    entry = server.run(graph.shrink(prompt, **{**SMALL, "frames": FRAMES}), seconds=900)
    assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]
    (file,) = (
        file
        for output in entry["outputs"].values()
        for file in output.get("images", [])
        if file["filename"].endswith(".mp4")
    )
    return server.base / "output" / file["subfolder"] / file["filename"]


def test_the_template_keeps_them(small_server, dance):
    text = (PACK / "api" / "picture-and-video.json").read_text(encoding="utf-8")
    named = {"dance.mp4": "magicpose/sound.mp4", "example.png": "magicpose/ada.png"}
    for old, new in named.items():
        text = text.replace(f'"{old}"', f'"{new}"')
    rate, frames, peaks, seconds = probe(run(small_server, json.loads(text), dance))
    assert rate == FPS
    assert frames == FRAMES
    assert peaks == pytest.approx(TONES, rel=0.02)
    assert seconds == pytest.approx(1, abs=0.06)
