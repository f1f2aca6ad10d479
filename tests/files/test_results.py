from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from magicpose_core.errors import OutputError
from magicpose_core.files import atomic_folder, atomic_path, open_result, write_text


def test_the_file_takes_its_name_when_the_block_succeeds(tmp_path):
    path = tmp_path / "new" / "notes.txt"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_whatever_is_raised_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "notes.txt"
    write_text(path, "old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_or_closed_disk_is_named_with_the_remedy(tmp_path, number):
    with (
        pytest.raises(OutputError, match=r"notes\.txt: .*free some space or choose another place"),
        atomic_path(tmp_path / "notes.txt"),
    ):
        raise OSError(number, "the system's words")


def test_a_place_where_no_file_can_be_is_named(tmp_path):
    write_text(tmp_path / "notes.txt", "old")
    for path in (tmp_path / "notes.txt" / "new.txt", tmp_path / ("long" * 99), tmp_path):
        with pytest.raises(OutputError, match=r"could not write .* choose another place"):
            write_text(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_other_errors_of_the_system_pass_through(tmp_path):
    with pytest.raises(ConnectionResetError), atomic_path(tmp_path / "notes.txt"):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_a_folder_takes_its_name_when_the_block_succeeds(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()  # an empty one may stand there
    with atomic_folder(folder) as temporary:
        (temporary / "0.png").write_text("whole")
        assert not any(folder.iterdir())
    assert [file.name for file in folder.iterdir()] == ["0.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_fails_or_holds_something_is_left_alone(tmp_path):
    def write_half():
        with atomic_folder(tmp_path / "frames") as temporary:
            (temporary / "0.png").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert not any(tmp_path.iterdir())
    write_text(tmp_path / "full" / "notes.txt", "old")
    for path in (tmp_path / "full", tmp_path / "full" / "notes.txt"):
        with pytest.raises(OutputError, match="there and not empty"), atomic_folder(path):
            raise AssertionError("nothing may be written")
    assert (tmp_path / "full" / "notes.txt").read_text() == "old"


def several(folder):
    return [folder / "clip.mp4", folder / "maps", folder / "settings" / "clip.json"]


def write_all(folder, text):
    clip, maps, settings = several(folder)
    with open_result([clip, maps, settings]) as staged:
        staged(clip).write_text(text)
        staged(maps).mkdir()
        (staged(maps) / f"{text}.png").write_text(text)
        staged(settings).write_text(text)
        assert clip.exists() == settings.exists() == maps.exists()


def test_files_and_folders_of_one_result_take_their_names_together(tmp_path):
    write_all(tmp_path, "old")
    write_all(tmp_path, "new")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"clip.mp4", "maps/new.png", "settings/clip.json"}
    assert all(path.read_text() == "new" for path in tmp_path.rglob("*") if path.is_file())


def test_a_failure_before_the_end_leaves_all_files_of_a_result_as_they_were(tmp_path):
    write_all(tmp_path, "old")
    clip, maps, settings = several(tmp_path)

    def fail_at_the_second():
        with open_result([clip, maps, settings]) as staged:
            staged(clip).write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail_at_the_second()
    assert clip.read_text() == settings.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "maps", "settings"]


def test_what_a_new_result_has_not_got_goes_with_the_old_one(tmp_path):
    clip, maps = tmp_path / "clip.mp4", tmp_path / "maps"
    for made in ([clip, maps], [clip]):
        with open_result([clip, maps]) as staged:
            for path in made:
                staged(path).write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_an_interrupt_while_names_are_given_waits_until_all_are_given(tmp_path, monkeypatch):
    write_all(tmp_path, "old")
    rename, done = Path.replace, []

    def interrupted(self, target):
        result = rename(self, target)
        if Path(target).name == "clip.mp4" and not done:
            done.append(target)
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path, "new")
    assert done
    assert all(path.read_text() == "new" for path in tmp_path.rglob("*") if path.is_file())
    assert not list(tmp_path.rglob(".magicpose-*"))


@pytest.mark.parametrize("where", ["results.live_writer", "locks.Lock.note", "staging.try_lock"])
def test_an_interrupt_while_a_result_is_begun_leaves_nothing(tmp_path, monkeypatch, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"magicpose_core.files.{where}", interrupt)
    with pytest.raises(KeyboardInterrupt), open_result([tmp_path / "a.txt"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_a_link_and_its_file_is_written(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "disk" / "notes.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "disk" / "notes.txt").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_never_replaced(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    sock = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with contextlib.closing(sock):
        sock.bind("socket")
        for name, kind in (("pipe", "a named pipe"), ("socket", "a socket")):
            with pytest.raises(OutputError, match=f"is {kind} and is not replaced"):
                write_text(tmp_path / name, "new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_two_processes_that_make_one_result_are_told_apart(tmp_path):
    path = tmp_path / "clip.mp4"
    code = (
        "import sys; from pathlib import Path; from magicpose_core.files import open_result\n"
        "with open_result([Path(sys.argv[1])]) as staged:\n"
        "    print('ready', flush=True); sys.stdin.read(); staged(Path(sys.argv[1])).touch()"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"ready\n"
        with pytest.raises(OutputError, match=f"being written by process {other.pid} on"):
            write_text(path, "mine")
        write_text(tmp_path / "another.mp4", "mine")
        other.communicate(b"")
    assert path.read_text() == ""
    write_text(path, "mine")
    assert not list(tmp_path.glob(".magicpose-*"))
