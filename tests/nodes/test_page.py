"""The page at /magicpose in headless Chromium, on a server with --disable-api-nodes (its CSP).

Left out where there is no Chromium, Node or driver (``browser.py``; run.py fetches them). The
photographs lie in MAGICPOSE_PHOTOS, or in the test's own folder.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from . import graph
from .browser import run_script
from .comfyui import PACK
from .prefix_proxy import prefixed

SAMPLES = PACK / "web" / "page" / "samples"
HOSTILE = "<img src=x onerror=alert(1)>"
RUNS = int(os.environ.get("MAGICPOSE_PAGE_RUNS", "30"))
FLAT = 64  # MB that the server may grow by from the fifth run to the last


@pytest.fixture
def use(small_server, tmp_path):
    """Use the page in one of the ways of use_page.mjs; nothing may be on its console."""

    def run(way, *, url=small_server.url, **settings):
        photos = Path(os.environ.get("MAGICPOSE_PHOTOS", tmp_path))
        for file in tmp_path.iterdir():
            if file.parent != photos:
                shutil.copy(file, photos)
        words = [f"{name}={value}" for name, value in settings.items()]
        seen = run_script("use_page.mjs", url, way, photos, *words, seconds=3600)
        assert seen["errors"] == []
        assert seen["said"] == []
        return seen

    return run


def check_run(seen):
    assert seen["status"] == "Done."
    assert seen["previews"] > 1
    assert seen["video"]["duration"] > 0
    assert seen["video"]["loop"]
    assert seen["video"]["playing"]


@pytest.mark.thorough
def test_three_actions_lead_to_a_finished_demo_clip(use):
    seen = use("example", patience=3000)
    check_run(seen)
    assert seen["video"]["width"] == 128


def test_a_run_is_previewed_finished_compared_downloaded_and_kept(small_server, use):
    seen = use("small")
    check_run(seen)
    assert seen["poses"]
    assert seen["mp4"] == "ftyp"
    assert seen["workflow"]["aligned"]["inputs"]["zoom"] == 1.2
    status, answer = small_server.post("/prompt", {"prompt": seen["workflow"]})
    assert status == 200, answer
    entry = small_server.wait(answer["prompt_id"])
    assert entry["status"]["status_str"] == "success"


def test_it_works_below_a_path(small_server, use):
    with prefixed(small_server.url, "tools/comfy") as url:
        check_run(use("small", url=url))


def test_keys_alone_lead_to_a_finished_clip(use):
    seen = use("keys")
    assert seen["divide"] == "51"
    assert seen["focus"] == "solid"


LOOKS = {
    "desktop": {},
    "dark-phone-zh": {"width": 390, "height": 844, "colours": "dark", "locale": "zh-CN"},
}


@pytest.mark.parametrize("name", LOOKS)
def test_axe_finds_nothing_serious(use, name):
    assert use("axe", name=name, **LOOKS[name])["found"] == []


def test_own_drawings_of_poses_are_rendered_in_the_order_of_their_numbers(use, tmp_path):
    shutil.copy(SAMPLES / "ada.png", tmp_path / "person.png")
    for number, grey in ((1, 60), (2, 120), (10, 180)):
        Image.new("RGB", (96, 96), (grey, grey, grey)).save(tmp_path / f"pose-{number}.png")
    seen = use("drawings")
    check_run(seen)
    assert seen["video"]["duration"] == pytest.approx(3 / 12, abs=0.05)
    assert not seen["poses"]


def test_html_in_names_and_errors_is_text(small_server, use, tmp_path):
    shutil.copy(SAMPLES / "ada.png", tmp_path / f"{HOSTILE}.png")
    value = {"frames": [{"people": [], HOSTILE: 1}, {HOSTILE: []}]}
    (tmp_path / f"{HOSTILE}.json").write_text(json.dumps(value))
    seen = use("hostile")
    assert seen["dialogs"] == []
    assert seen["images"] == 0
    assert seen["text"].count(HOSTILE) >= 2


def test_what_is_refused_is_told_where_it_happened(small_server, use, tmp_path):
    (tmp_path / "no-picture.png").write_bytes(b"no picture")
    (tmp_path / "no-poses.json").write_text("{")
    (tmp_path / "no-dance.txt").write_text("no dance")
    with (tmp_path / "too-large.mp4").open("wb") as file:
        file.truncate(101 * 2**20)
    before = set((small_server.base / "input").rglob("*"))
    told = use_with_refusals(small_server, tmp_path)
    assert "no picture" in told["no-picture.png"]
    assert "keypoints" in told["no-poses.json"]
    assert "neither" in told["no-dance.txt"]
    assert "too large" in told["too-large.mp4"]
    assert set((small_server.base / "input").rglob("*")) == before


def use_with_refusals(server, folder):
    """As ``use``, but the browser itself notes the server's 413 on the console."""
    seen = run_script("use_page.mjs", server.url, "refused", folder)
    assert seen["errors"] == []
    assert all("413" in line for line in seen["said"]), seen["said"]
    return seen["told"]


def test_where_no_detector_runs_the_page_says_so_before_run(small_server, use, tmp_path):
    shutil.copy(SAMPLES / "ada.png", tmp_path / "person.png")
    write_video(tmp_path / "dance.mp4")
    seen = use("undetected")
    folder = small_server.base / "models" / "magicpose" / "detectors"
    for text in (seen["dance"], seen["person"]):
        assert "dw-ll_ucoco_384.onnx" in text
        assert str(folder) in text
    assert seen["disabled"]


def write_video(path):
    """Four small frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for grey in (0, 80, 160, 240):
            picture = np.full((64, 64, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def foreign_prompt(steps):
    """A run of somebody else, whose model the demo's motion module does not fit."""
    prompt = json.loads((PACK / "api" / "demo-dancer.json").read_text(encoding="utf-8"))
    prompt["7"]["inputs"]["model"] = ["3", 0]
    del prompt["13"]
    small = {"size": 64, "width": 64, "height": 64, "shorter_side": 64, "frames": 2}
    named = {"file": "model_state-110000.th", "preset": "custom", "steps": steps}
    return graph.shrink(prompt, **small, **named, seed=time.time_ns())


def wait_for(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_cancelling_ours_leaves_another_client_alone(small_server, use, first):
    server = small_server
    known = len(server.get("/history"))

    def queue(kind):
        return {job[1] for job in server.get("/queue")[f"queue_{kind}"]}

    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(use, "cancel", first=first, name=first)
        wait_for(lambda: len(server.get("/history")) > known or ours.done())  # the fit is there
        if first == "ours":
            wait_for(lambda: queue("running") or ours.done())
        _, answer = server.post(
            "/prompt", {"prompt": foreign_prompt(1 if first == "ours" else 500)}
        )
        theirs = answer["prompt_id"]
        assert ours.result()["status"] == "Cancelled."
    if first == "theirs":
        assert queue("running") == {theirs}
        assert queue("pending") == set()
        server.post("/interrupt", {"prompt_id": theirs})
        server.wait(theirs)
    else:
        assert server.wait(theirs)["status"]["status_str"] == "success"


@pytest.mark.thorough
def test_the_server_does_not_grow_from_run_to_run(small_server, use):
    """MAGICPOSE_PAGE_RUNS says how many runs; the figures are printed."""
    sizes, ended = [], threading.Event()

    def watch():
        runs = len(small_server.get("/history"))
        while not ended.wait(0.5):
            if (now := len(small_server.get("/history"))) > runs:
                runs = now
                sizes.append(small_server.resident_memory() / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert use("repeat", runs=RUNS)["earlier"] == min(RUNS, 24)
    finally:
        ended.set()
        watcher.join()
    figures = " ".join(f"{size:.0f}" for size in sizes)
    print(f"MB of the server after each run: {figures}")  # noqa: T201
    assert sizes[-1] - sizes[min(5, len(sizes) // 2)] < FLAT, figures
