"""Hostile training configurations and model notes: damaged text, and values of no network."""

from __future__ import annotations

import contextlib
import functools
import json
import random as random_numbers
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import magicpose_core.training.run
import magicpose_core.training.trial  # noqa: F401 - loaded once, not by each child
from magicpose_core.cli.train import STAGES
from magicpose_core.errors import MagicPoseError
from magicpose_core.training.config import TrainingConfig, read_config
from magicpose_core.training.fresh import fresh_denoiser, fresh_vae
from magicpose_core.weights.notes import load_note

from .harness import command_line
from .mutate import mutate
from .mutate_json import NUMBERS, ODD, damage_json
from .outcomes import Case

_CONFIG = """\
output = "run"
[data]
source = "dancers"
size = 16
people = 2
heldout = 1
near_uniform = 0.8
[network]
channels = [32, 32, 32, 32]
heads = 4
text_width = 16
vae_channels = [32, 32]
vae_resnets = 1
[optimizer]
kind = "adamw"
learning_rate = 1e-3
betas = [0.9, 0.999]
batch = 2
ema = 0.9
[objective]
parts = ["unet", "appearance", "pose"]
plain_share = 0.5
[run]
steps = 2
seed = 7
mixed_precision = "no"
sample_every = 0
"""
_NOTE = {
    "kind": "drawn dancers",
    "drawn": True,
    "size": [128, 128],
    "steps": 20,
    "guidance_scale": 2.0,
    "scheduler": "ddim",
    "betas": [0.00085, 0.012],
}
_LARGEST_BUILT = 256  # of any number in a configuration whose networks are built
_LARGEST_TRIED = 64  # pixels, and rows of a batch


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Damage a configuration or a note and choose what is done with it."""
    if random.random() < 0.25:
        content, done = random.choice((mutate, damage_json))(json.dumps(_NOTE).encode(), random)
        path = folder / "note.json"
        path.write_bytes(content)
        return Case(f"note {done}", lambda: load_note(path), naming="note")
    if random.random() < 0.3:
        content, done = mutate(_CONFIG.encode(), random)
    else:
        content, done = _damage_lines(random)
    path = folder / "config.toml"
    path.write_bytes(content)
    if random.random() < 0.1:
        stage = random.choice(STAGES)
        action = functools.partial(
            _try_stage, path, command_line(["train", stage, str(path), "--try"])
        )
        return Case(f"try {stage} {done}", action, command=True)
    return Case(f"config {done}", lambda: build(path))


def build(path: Path) -> None:
    """Read a configuration, and build its networks where they are small."""
    config = read_config(path)
    if _is_narrow(config):
        fresh_denoiser(config.network, config.run.seed)
        fresh_vae(config.network, config.run.seed)


def _is_narrow(config: TrainingConfig) -> bool:
    network = config.network
    return max(*network.channels, *network.vae_channels, network.text_width) <= _LARGEST_BUILT


def _try_stage(path: Path, command: Callable[[], int]) -> int:
    """Try a stage of training, but where it would be sound work of minutes."""
    with contextlib.suppress(MagicPoseError):  # which the command finds, too
        config = read_config(path)
        largest = max(config.data.size, config.optimizer.batch, config.optimizer.accumulate)
        if largest > _LARGEST_TRIED or not _is_narrow(config):
            return 0
    return command()


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every configuration and note that was once badly received."""
    for name, content in FOUND.items():
        yield name, functools.partial(_known, name, content)


def _known(name: str, content: bytes, folder: Path) -> Case:
    path = folder / ("note.json" if name.startswith("note") else "config.toml")
    path.write_bytes(content)
    if name.startswith("try "):
        words = ["train", name.split()[1], str(path), "--try"]
        return Case(name, command_line(words), command=True)
    action = load_note if path.suffix == ".json" else build
    return Case(name, lambda: action(path))


def _changed(old: str, new: str) -> bytes:
    assert old in _CONFIG
    return _CONFIG.replace(old, new).encode()


FOUND: Mapping[str, bytes] = {
    "100,000 brackets": b"output = " + b"[" * 100_000,
    "5,000 digits": b"output = " + b"9" * 5000,
    "400 digits for a float": _changed("near_uniform = 0.8", f"near_uniform = {'9' * 400}"),
    "channels of no group": _changed("channels = [32, 32, 32, 32]", "channels = [20, 32, 32, 32]"),
    "try stage2 in 16 pixels": _CONFIG.encode(),
    "no channels": _changed("channels = [32, 32, 32, 32]", "channels = []"),
    "no heads": _changed("heads = 4", "heads = 0"),
    "5 heads": _changed("heads = 4", "heads = 5"),
    "negative seed": _changed("seed = 7", "seed = -1"),
    "NaN": _changed("learning_rate = 1e-3", "learning_rate = nan"),
    "note of 100,000 brackets": b"[" * 100_000,
    "note of 400 digits": json.dumps({"guidance_scale": 10**400}).encode(),
}


def _damage_lines(random: random_numbers.Random) -> tuple[bytes, str]:
    """Give some settings odd values, other names, or leave them out."""
    lines = _CONFIG.splitlines()
    done = []
    for _ in range(random.randint(1, 3)):
        number = random.randrange(len(lines))
        name, _, value = lines[number].partition(" = ")
        values = [_in_toml(value) for value in (*NUMBERS, *ODD)]
        changed = random.choice(
            (
                f"{name} = {random.choice(values)}",
                f"{name} = {random.choice(values)}",
                f"{name} = [{value}, {value}]",
                f"{random.choice(_NAMES)} = {value or 0}",
                "",
                f"{lines[number]}\n{lines[number]}",
                "[data]",
            )
        )
        lines[number] = changed
        done.append(f"{name or '-'} -> {changed[:40]!a}")
    return "\n".join(lines).encode("utf-8", "replace"), ", ".join(done)


_NAMES = ("", '"\\u001b[2J"', "output", "a.b.c", "x" * 500, "data")


def _in_toml(value: object) -> str:
    if value is None or isinstance(value, dict):
        return "{}"
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf").replace("null", "{}")
