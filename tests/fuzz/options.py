"""Hostile command lines: every option of every command with values that mean nothing."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import functools
import os
import random as random_numbers
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from magicpose_core.cli.__main__ import build_parser, main

from . import loaded  # noqa: F401 - by the parent, not by each child
from .outcomes import Case
from .permissions import obey_permissions
from .tiny_inputs import write_config, write_inputs

TOGETHER = 1  # commands leave threads and settings behind
# What each command does in well under a second; {inputs} is the folder of tiny inputs.
# Commands that would work for long, or over the network, end at a device or an address of nowhere;
# demo and doctor have none and are left out.
_LINES: Mapping[str, str] = {
    "generate": "--reference {inputs}/person.png --poses {inputs}/poses.json --out out/clip.mp4 "
    "--checkpoint {inputs}/model.safetensors --size 64 --steps 1 --frames 1 --dtype fp32 "
    "--device cpu",
    "align": "{inputs}/poses.json --to {inputs}/poses.json --out out/poses.json",
    "detect": "{inputs}/clip.mp4 --out out --detector-weights {inputs}/weights "
    "--detector-device cpu --stop 1",
    "convert": "{inputs}/vae.safetensors --out out/vae.safetensors",
    "inspect": "{inputs}/vae.safetensors",
    "dancers": "--out out --people 1 --heldout 0 --frames 1 --size 16",
    "evaluate": "{inputs}/maps --truth {inputs}/truth",
    "train": "vae {inputs}/vae.toml --steps 1",
    "bench": "--device nowhere",
    "remote": "nowhere --out out.mp4",
}
_ODD_WORDS = (
    *("", " ", "-1", "0", "1", "1.5", "-0.0", "nan", "inf", "-inf", "1e400", "9" * 30, "9" * 5000),
    *("٣", "³", "0x10", "1_0", "true", "None", "cpu", "hpu", "meta", "cuda:99", "cpu:-1", "64x64"),
    *("0x0", "64x", "x" * 256, "x" * 5000, "a\0b", "\x1b[2J\n", "\u202e", "\udcff", ".", ".."),
    *(
        "absent",
        "absent/absent",
        "a.json",
        "a.mp4",
        "a.png",
        "12:30.mp4",
        "pipe",
        "circle",
        "folder",
    ),
    *("dark", "%s%n", "{}", "-", "--", "--force", "index:99", "left:-1", "index:", "~", "*"),
    *("http://127.0.0.1:9/a.mp4", "/proc/self/mem/a", "{inputs}", "{inputs}/poses.json"),
)


def make_case(folder: Path, random: random_numbers.Random) -> Case:
    """Put odd values into a command line that works."""
    command = random.choice(sorted(_LINES))
    words = _LINES[command].split()
    choices = _options(command)
    done = []
    for _ in range(random.randint(1, 3)):
        option = random.choice(choices)
        value = random.choice(option.choices) if _is_chosen(option, random) else None
        given = [] if option.nargs == 0 else [value or random.choice(_ODD_WORDS)]
        done.append(f"{option.option_strings[-1]} {given[0][:20]!a}" if given else option.dest)
        words += [option.option_strings[-1], *given]
    if random.random() < 0.2:
        place = random.randrange(len(words))
        words[place] = random.choice(_ODD_WORDS)
        done.append(f"word {place} {words[place][:20]!a}")
    return _case(folder, [command, *words], f"{command} {', '.join(done)}")


def known_cases() -> Iterator[tuple[str, Callable[[Path], Case]]]:
    """Give every command line that was once badly received."""
    for line in FOUND:
        yield line[:60], functools.partial(_known, line)


def _known(line: str, folder: Path) -> Case:
    command, _, rest = line.partition(" ")
    return _case(folder, [command, *_LINES[command].split(), *rest.split(" ")], line)


FOUND = (
    "generate --device hpu",
    "generate --device meta",
    "generate --prompt a --tokenizer empty",
    f"generate --seed {'9' * 30}",
    f"align --frame-size {'9' * 30}x9",
    f"dancers --people {'9' * 30}",
    f"inspect --{'x' * 5000}",
    f"detect --stride {'9' * 30}",
    "evaluate --partial",
)


def _case(folder: Path, words: list[str], name: str) -> Case:
    inputs = str(_inputs())
    words = [word.replace("{inputs}", inputs) for word in words]
    return Case(name, functools.partial(_run, folder, words), command=True)


def _run(folder: Path, words: list[str]) -> int:
    """Run in a folder of odd things, two levels deep, so that ``..`` stays inside."""
    obey_permissions()
    work = folder / "a" / "b"
    work.mkdir(parents=True)
    os.chdir(work)
    Path("folder").mkdir()
    Path("empty").mkdir()
    Path("empty", "vocab.json").write_text("{}", encoding="utf-8")
    Path("empty", "merges.txt").write_text("", encoding="utf-8")
    os.mkfifo("pipe")
    Path("circle").symlink_to("circle")
    for name in ("a.json", "a.mp4", "a.png"):
        Path(name).touch()
    with contextlib.suppress(OSError):
        Path("dark").mkdir(mode=0)
    return main(words)


@functools.cache
def _inputs() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-inputs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_inputs(folder)
    write_config(folder, "vae", folder)
    return folder


@functools.cache
def _options(command: str) -> tuple[argparse.Action, ...]:
    parser = build_parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    actions = commands.choices[command]._actions
    return tuple(a for a in actions if a.option_strings and a.dest not in _LEFT_ALONE)


def _is_chosen(option: argparse.Action, random: random_numbers.Random) -> bool:
    return bool(option.choices) and random.random() < 0.5


# A download is asked for by it, and --help ends all else.
_LEFT_ALONE = ("help", "download", "debug")
