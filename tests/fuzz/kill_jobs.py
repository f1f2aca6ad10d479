"""What is killed: every command that writes, on tiny inputs, in a second or two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .tiny_inputs import write_config

STEPS = 3


@dataclass(frozen=True, kw_only=True)
class KillJob:
    """A command line that is killed, and the one behind it.

    Attributes:
        words: What is killed.
        again: The next run in the same folder.
        before: What was run there before, so that old results stand there; None for an empty one.
        share: How many of the kills it gets, among those of the other jobs.
    """

    words: tuple[str, ...]
    again: tuple[str, ...]
    before: tuple[str, ...] | None = None
    share: int = 1

    @property
    def resumes(self) -> bool:
        """Whether the next run ends where an undisturbed one does, instead of being refused."""
        return self.before is None


def _replacing(line: str, other: str, *, share: int) -> Callable[[Path, Path], KillJob]:
    """Replace old results by force; the next run, without it, only clears up and is refused."""

    def make(inputs: Path, _: Path) -> KillJob:
        words = tuple(line.format(inputs=inputs).split())
        old = tuple(other.split())
        return KillJob(words=(*words, "--force"), again=words, before=(*words, *old), share=share)

    return make


def _resuming(line: str, *, share: int) -> Callable[[Path, Path], KillJob]:
    def make(inputs: Path, _: Path) -> KillJob:
        words = tuple(line.format(inputs=inputs).split())
        return KillJob(words=words, again=words, share=share)

    return make


def _training(stage: str, *, share: int) -> Callable[[Path, Path], KillJob]:
    def make(inputs: Path, folder: Path) -> KillJob:
        words = ("train", stage, str(write_config(inputs, stage, folder, steps=STEPS)))
        return KillJob(words=words, again=words, share=share)

    return make


_DETECT = "--detector-weights {inputs}/weights --detector-device cpu"
JOBS: Mapping[str, Callable[[Path, Path], KillJob]] = {
    "convert": _replacing(
        "convert {inputs}/model.safetensors --out out.safetensors --dtype fp32",
        "--dtype fp16",
        share=6,
    ),
    "convert --split": _replacing(
        "convert {inputs}/model.safetensors --out out --split --dtype fp32",
        "--dtype fp16",
        share=6,
    ),
    "align": _replacing(
        "align {inputs}/poses.json --to {inputs}/poses.json --out out/poses.json --maps out/maps "
        "--preview out/preview.png --report out/report.json",
        "--person largest --line-scale 2",
        share=6,
    ),
    "generate": _replacing(
        "generate --reference {inputs}/person.png --poses {inputs}/maps --out out/clip.mp4 "
        "--checkpoint {inputs}/model.safetensors --size 64 --steps 1 --dtype fp32 --device cpu",
        "--seed 1",
        share=3,
    ),
    "evaluate": _replacing(
        "evaluate {inputs}/maps --truth {inputs}/truth --out out", "--partial", share=3
    ),
    "dancers": _resuming(
        "dancers --out out --people 2 --heldout 1 --frames 2 --size 64 --force", share=6
    ),
    "detect": _resuming(f"detect {{inputs}}/clip.mp4 --out out {_DETECT}", share=4),
    "detect --dataset": _resuming(
        f"detect {{inputs}}/clip.mp4 --out out --dataset {_DETECT}", share=4
    ),
    "batch": _resuming(
        "batch {inputs}/jobs.jsonl --out out --checkpoint {inputs}/model.safetensors --size 64 "
        "--steps 1 --dtype fp32 --device cpu",
        share=3,
    ),
    "train vae": _training("vae", share=3),
    "train base": _training("base", share=1),
    "train stage1": _training("stage1", share=1),
    "train stage2": _training("stage2", share=1),
    "train stage3": _training("stage3", share=1),
}
