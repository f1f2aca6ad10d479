"""What killed processes leave, and what the next one makes of it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from magicpose_core.files import open_result, sweep

# Kills itself at the n-th rename of a result: files and a folder in two places, over old ones.
KILLED = """
import os, signal, sys
from pathlib import Path
from magicpose_core.files import open_result

root, at = Path(sys.argv[1]), int(sys.argv[2])
results = [root / "a" / "clip.mp4", root / "a" / "maps", root / "b" / "clip.json", root / "a/gone"]
count = 0

def dying(rename):
    def renamed(self, target):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)
    return renamed

with open_result(results) as staged:
    staged(results[0]).write_text("new")
    staged(results[1]).mkdir()
    (staged(results[1]) / "0.png").write_text("new")
    staged(results[2]).write_text("new")
    Path.replace, Path.rename = dying(Path.replace), dying(Path.rename)
"""
NAMES = ["a/clip.mp4", "a/gone", "a/maps/0.png", "b/clip.json"]


def files(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


@pytest.mark.posix
@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_kill_at_any_rename_leaves_the_old_result_or_the_new_one(tmp_path, order):
    outcomes = []
    for at in range(1, 20):
        root = tmp_path / str(at)
        for name in NAMES:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("old")
        run = subprocess.run([sys.executable, "-c", KILLED, str(root), str(at)], check=False)
        for folder in order:
            sweep(root / folder)
        left = files(root)
        assert set(left.values()) in ({"old"}, {"new"}), (at, left)
        assert set(left) == set(NAMES) - ({"a/gone"} if "new" in left.values() else set())
        assert not list(root.rglob(".magicpose*"))
        outcomes.append(next(iter(left.values())))
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL
    assert run.returncode == 0
    assert outcomes == sorted(outcomes, reverse=True)  # old, then new
    assert outcomes.count("new") >= 5
    assert outcomes.count("old") >= 2


@pytest.mark.parametrize("of", ["first", "second"])
def test_a_signal_while_staging_folders_are_removed_leaves_none(tmp_path, monkeypatch, of):
    """Before, what was not removed yet stayed until the next run."""
    whole, calls = shutil.rmtree, []

    def interrupted(folder, **options):
        calls.append(folder)
        if len(calls) == (1 if of == "first" else 2):
            (folder / "lock").unlink()
            raise KeyboardInterrupt
        whole(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    results = [tmp_path / "a" / "one", tmp_path / "b" / "two"]

    def write() -> None:
        with open_result(results) as staged:
            for result in results:
                staged(result).write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        write()
    for result in results:
        assert [path.name for path in result.parent.iterdir()] == [result.name]
        assert result.read_text() == "whole"


def test_a_live_process_is_let_be(tmp_path):
    code = (
        "import sys; from pathlib import Path; from magicpose_core.files import open_result\n"
        "with open_result([Path(sys.argv[1])]) as staged:\n"
        "    staged(Path(sys.argv[1])).touch(); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "clip.mp4")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        sweep(tmp_path)
        assert list(tmp_path.glob(".magicpose-*/new/clip.mp4"))
        other.kill()
        other.communicate()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sub_folders_are_swept_where_results_are_added_to_them(tmp_path):
    left = tmp_path / "train_set" / "anna" / ".magicpose-0a1b2c3d"
    (left / "new").mkdir(parents=True)
    (left / "new" / "0.png").touch()
    sweep(tmp_path)
    assert left.exists()
    sweep(tmp_path, deep=True)
    assert list(left.parent.iterdir()) == []


@pytest.mark.parametrize(
    "journal",
    [
        {"made": ["../victim.txt", "..", ""], "gone": ["../victim.txt"]},
        {"made": [], "gone": [], "others": ["../elsewhere", "/etc"]},
        {"made": "victim.txt", "gone": 5, "others": {"a": 1}},
        [1],
    ],
)
def test_a_strangers_journal_moves_nothing_outside_its_own_folder(tmp_path, journal):
    victim = tmp_path / "victim.txt"
    victim.write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    left = tmp_path / "from a stranger" / ".magicpose-0a1b2c3d"
    (left / "new").mkdir(parents=True)
    (left / "old").mkdir()
    (left / "new" / "victim.txt").write_text("theirs")
    (left / "journal.json").write_text(json.dumps(journal))
    sweep(left.parent)
    assert victim.read_text() == "mine"
    assert (tmp_path / "elsewhere").is_dir()
    assert list(left.parent.iterdir()) == []


def test_links_in_a_strangers_folder_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text("mine")
    left = tmp_path / "from a stranger" / ".magicpose-0a1b2c3d"
    (left / "new").mkdir(parents=True)
    (left / "new" / "photo.png").symlink_to(tmp_path / "secret")
    (left / "journal.json").write_text(json.dumps({"made": ["photo.png"], "gone": []}))
    sweep(left.parent)
    assert (tmp_path / "secret").read_text() == "mine"
    assert list(left.parent.iterdir()) == []
    left.symlink_to(tmp_path)  # a link of such a name is no leftover
    sweep(left.parent)
    assert left.is_symlink()
