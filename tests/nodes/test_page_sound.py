"""The graphs that the page queues keep a dance video's sound and speed; needs Node, no browser."""

from __future__ import annotations

import json
import subprocess

import pytest

from .browser import PAGE
from .test_sound import FPS, FRAMES, TONES, dance, probe, run  # noqa: F401 - a fixture


def page_prompt(server, **numbers):
    """The graph that the page queues for the video."""
    choice = {
        "person": {"file": "magicpose/ada.png", "poses": None, "width": 128, "height": 128},
        "dance": {"kind": "video", "file": "magicpose/sound.mp4", "start": 0, **numbers},
        "detector": "dwpose",
        "settings": {
            "model": "model_state-110000.th",
            "shape": "square",
            "size": 64,
            "steps": 2,
            "strength": 1,
            "seed": 0,
        },
    }
    done = subprocess.run(
        ["node", PAGE / "print_prompt.mjs"],
        input=json.dumps({"choice": choice, "infos": server.get("/object_info")}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_page_keeps_them_and_cuts_the_sound_with_the_frames(small_server, dance):  # noqa: F811
    rate, frames, peaks, _ = probe(run(small_server, page_prompt(small_server, most=64), dance))
    assert (rate, frames) == (FPS, FRAMES)
    assert peaks == pytest.approx(TONES, rel=0.02)


def test_another_start_on_the_page_starts_the_sound_there_too(small_server, dance):  # noqa: F811
    if not small_server.get("/object_info/Video%20Slice"):
        return  # ComfyUI 0.8.0 cannot cut videos, and the page does not offer it there
    poses = small_server.base / "input" / dance
    half = json.loads(poses.read_text())
    (poses.parent / "six.json").write_text(json.dumps({**half, "frames": half["frames"][6:]}))
    prompt = page_prompt(small_server, most=64, start=0.5)
    rate, frames, peaks, seconds = probe(run(small_server, prompt, "magicpose/six.json"))
    assert (rate, frames) == (FPS, 6)
    assert peaks[0] == pytest.approx(TONES[1], rel=0.02)
    assert seconds == pytest.approx(0.5, abs=0.06)
