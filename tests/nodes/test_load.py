"""A server under load: queued prompts of two clients, interrupts, model swaps, a full disk.

Whatever came before, a prompt's pictures are those of a quiet server, and memory stays flat.
``MAGICPOSE_LOAD_PROMPTS`` says how many prompts; the figures are printed with ``pytest -s``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .comfyui import PACK
from .conftest import COMFYUI
from .server import Server, start_server

pytestmark = [pytest.mark.thorough, pytest.mark.posix]

PROMPTS = int(os.environ.get("MAGICPOSE_LOAD_PROMPTS", "200"))
DEMO = PACK / "magicpose_core" / "demo" / "magicpose-dancers.safetensors"
MODELS = (DEMO.name, "swapped.safetensors")
KINDS = tuple(itertools.product(MODELS, (1, 2, 3)))  # model, seed
_FLAT = 100e6  # bytes that a server may hold at the end more than after a quarter of the prompts
_DISK = 300_000  # bytes, of the disk that runs full


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("load")
    (base / "models" / "magicpose").mkdir(parents=True)
    for name in MODELS:
        shutil.copy(DEMO, base / "models" / "magicpose" / name)
    return base


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[Server]:
    with start_server(COMFYUI, base) as running:
        yield running


@pytest.fixture(scope="module")
def quiet(server: Server) -> dict[tuple[str, int], np.ndarray]:
    """The pictures of every kind of prompt, one after the other."""
    found = {}
    for kind in KINDS:
        entry = server.run(prompt_of(kind))
        found[kind] = pictures(server, entry)
    assert len({each.tobytes() for each in found.values()}) == len(KINDS) // len(MODELS)
    return found


def prompt_of(kind: tuple[str, int]) -> dict[str, object]:
    """The demo's graph at a small size, saved as pictures."""
    prompt = json.loads((PACK / "api" / "demo-dancer.json").read_text(encoding="utf-8"))
    model, seed = kind
    prompt["2"]["inputs"].update(frames=2, size=64)
    prompt["3"]["inputs"]["file"] = model
    prompt["4"]["inputs"]["shorter_side"] = 64
    prompt["5"]["inputs"].update(width=64, height=64)
    # without the motion module: two frames of two steps are soon done, many times
    prompt["7"]["inputs"].update(model=["3", 0], seed=seed, preset="custom", steps=2)
    kept = {key: prompt[key] for key in "2345678"}
    save = {"filename_prefix": f"{Path(model).stem}-{seed}", "images": ["8", 0]}
    return {**kept, "9": {"class_type": "SaveImage", "inputs": save}}


def pictures(server: Server, entry: dict[str, object]) -> np.ndarray:
    files = entry["outputs"]["9"]["images"]
    return np.stack([np.asarray(Image.open(server.base / "output" / f["filename"])) for f in files])


def ended(entry: dict[str, object]) -> str:
    """Say how a prompt ended: success, interrupted, or error."""
    messages = {name for name, _ in entry["status"]["messages"]}
    if "execution_interrupted" in messages:
        return "interrupted"
    return str(entry["status"]["status_str"])


@dataclass
class Load:
    """What came of the prompts of all clients."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[object] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def note(self, kind: tuple[str, int], how: str, entry: dict[str, object], same: bool) -> None:
        self.outcomes[how] += 1
        if how == "error":
            self.wrong.append((kind, entry["status"]))
        elif not same:
            self.wrong.append((kind, "other pictures"))

    def __str__(self) -> str:
        early, late, most = (self.memory[len(self.memory) // 4], self.memory[-1], max(self.memory))
        return (
            f"{sum(self.outcomes.values())} prompts: {dict(self.outcomes)}, {len(self.wrong)} "
            f"wrong; server {early / 1e6:.0f} MB after a quarter, {late / 1e6:.0f} MB at the end, "
            f"{most / 1e6:.0f} MB at most"
        )


def work(load: Load, server: Server, quiet: dict[tuple[str, int], np.ndarray], client: str) -> None:
    """Queue five prompts at a time, and look at what comes of each."""
    chosen = random.Random(client)
    for _ in range(-(-PROMPTS // 10)):
        queued = [(kind, queue(server, kind, client)) for kind in chosen.choices(KINDS, k=5)]
        for kind, prompt_id in queued:
            entry = server.wait(prompt_id, 1200)
            how = ended(entry)
            same = how != "success" or np.array_equal(pictures(server, entry), quiet[kind])
            load.note(kind, how, entry, same)
        load.memory.append(server.resident_memory())


def interrupt(load: Load, server: Server, seconds: float) -> None:
    """Interrupt at random moments, about every second prompt on a machine of any speed."""
    chosen = random.Random(0)
    while not load.done.wait(chosen.uniform(0.1, 4.0) * seconds):
        server.post("/interrupt", {})


def test_results_are_those_of_a_quiet_server_and_memory_is_flat(server, quiet):
    started = time.monotonic()
    server.run({**prompt_of(KINDS[0]), "7": other_seed(KINDS[0])})
    load, usual, started = Load(), time.monotonic() - started, time.monotonic()
    clients = [
        threading.Thread(target=work, args=(load, server, quiet, name)) for name in ("one", "two")
    ]
    interrupter = threading.Thread(target=interrupt, args=(load, server, usual))
    for thread in (*clients, interrupter):
        thread.start()
    for thread in clients:
        thread.join()
    load.done.set()
    interrupter.join()
    sys.stdout.write(f"\n{load}; {time.monotonic() - started:.0f} s\n")
    assert not load.wrong
    assert sum(load.outcomes.values()) >= PROMPTS
    assert load.outcomes["success"]
    assert load.outcomes["interrupted"]
    assert load.memory[-1] - load.memory[len(load.memory) // 4] < _FLAT


def queue(server: Server, kind: tuple[str, int], client: str) -> str:
    status, answer = server.post("/prompt", {"prompt": prompt_of(kind), "client_id": client})
    assert status == 200, answer
    return answer["prompt_id"]


def test_a_full_disk_fails_one_prompt_and_the_next_one_is_right(server, quiet):
    kind = KINDS[0]
    with small_disk(server.base / "output") as disk:
        if disk is None:
            pytest.skip("may not mount a small disk")
        (disk / "filler").write_bytes(bytes(_DISK - 4096))
        entry = server.run({**prompt_of(kind), "7": other_seed(kind)})
        assert ended(entry) == "error"
        assert "No space left" in json.dumps(entry["status"])
        (disk / "filler").unlink()
        for name in disk.iterdir():
            name.unlink()
        assert np.array_equal(pictures(server, server.run(prompt_of(kind))), quiet[kind])


def other_seed(kind: tuple[str, int]) -> dict[str, object]:
    return prompt_of((kind[0], 99))["7"]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    words = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, check=False).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
