from __future__ import annotations

import os

import pytest

from magicpose_core.errors import InputError, OutputError
from magicpose_core.files import FilePlan, check_plan, paths, regular_file, write_text


@pytest.fixture
def maps(tmp_path):
    """A folder of pose maps that is read."""
    for number in range(2):
        write_text(tmp_path / "maps" / f"{number:05d}.png", "map")
    return tmp_path / "maps"


@pytest.mark.parametrize("force", [False, True])
def test_nothing_that_is_read_is_replaced(tmp_path, maps, force):
    for result in (maps / "00000.png", maps, tmp_path / "x" / ".." / "maps" / "00001.png"):
        with pytest.raises(InputError, match=r"would be replaced|would take it for an input"):
            check_plan(FilePlan(reads=(maps,), files=(result,), force=force))
    (tmp_path / "other name").symlink_to(maps / "00000.png")
    with pytest.raises(InputError, match="is an input and would be replaced"):
        check_plan(FilePlan(reads=(tmp_path / "other name",), files=(maps / "00000.png",)))


def test_a_result_among_the_maps_would_spoil_the_next_run(tmp_path, maps):
    for kind in ("files", "folders", "places"):
        with pytest.raises(InputError, match="the next run would take it for an input"):
            check_plan(FilePlan(reads=(maps,), **{kind: (maps / "clip.sheet.png",)}))


def test_a_folder_with_an_input_is_not_replaced(tmp_path, maps):
    with pytest.raises(InputError, match=r"00000\.png is an input and lies in"):
        check_plan(FilePlan(reads=(maps / "00000.png",), folders=(maps,), force=True))


def test_weights_are_not_replaced_but_results_may_lie_beside_them(tmp_path, maps):
    with pytest.raises(InputError, match="lies among the weights"):
        check_plan(FilePlan(searched=(tmp_path,), files=(maps / "00000.png",), force=True))
    check_plan(FilePlan(searched=(tmp_path,), files=(tmp_path / "clip.mp4",)))


def test_what_is_there_is_replaced_only_when_asked(tmp_path, maps):
    for plan in ({"files": (maps / "00000.png",)}, {"folders": (maps,)}):
        with pytest.raises(OutputError, match="set force to replace it"):
            check_plan(FilePlan(**plan))
        check_plan(FilePlan(**plan, force=True))


def test_a_folder_with_more_than_frames_is_never_replaced(maps):
    write_text(maps / "letter.txt", "mine")
    with pytest.raises(OutputError, match=r"holds letter\.txt, which is no frame"):
        check_plan(FilePlan(folders=(maps,), force=True))


def test_two_results_need_two_places(tmp_path):
    path = tmp_path / "out.json"
    with pytest.raises(InputError, match="named for two results"):
        check_plan(FilePlan(files=(path, tmp_path / "." / "out.json")))
    with pytest.raises(InputError, match="which is a result itself"):
        check_plan(FilePlan(files=(tmp_path / "maps" / "out.json",), folders=(tmp_path / "maps",)))


def test_files_and_folders_do_not_take_each_others_places(tmp_path):
    write_text(tmp_path / "notes.txt", "mine")
    for kind in ("folders", "places"):
        with pytest.raises(OutputError, match="is a file"):
            check_plan(FilePlan(**{kind: (tmp_path / "notes.txt",)}, force=True))
    with pytest.raises(OutputError, match="is a folder; name a file"):
        check_plan(FilePlan(files=(tmp_path,), force=True))
    with pytest.raises(OutputError, match=r"notes\.txt is no folder"):
        check_plan(FilePlan(files=(tmp_path / "notes.txt" / "out.json",)))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_neither_read_nor_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a named pipe, not a file"):
        check_plan(FilePlan(reads=(tmp_path / "pipe",)))
    with pytest.raises(InputError, match="is a named pipe, not a file"):
        regular_file(tmp_path / "pipe")
    with pytest.raises(OutputError, match="is a named pipe and is not replaced"):
        check_plan(FilePlan(files=(tmp_path / "pipe",), force=True))


def test_devices_are_neither_read_nor_replaced(tmp_path):
    node = tmp_path / "node"
    try:
        os.mknod(node, 0o600 | 0o020000, os.makedev(1, 3))
    except (OSError, AttributeError):
        pytest.skip("no device can be made here")
    with pytest.raises(InputError, match="is a device, not a file"):
        check_plan(FilePlan(reads=(node,)))
    with pytest.raises(OutputError, match="is a device and is not replaced"):
        check_plan(FilePlan(files=(node,), force=True))


def test_names_that_can_be_none_are_told_before_work(tmp_path):
    for name, text in (("a\0b", "holds a NUL"), ("ä" * 128 + ".mp4", "has 260 bytes")):
        for kind in ("reads", "files", "folders"):
            with pytest.raises(InputError, match=text):
                check_plan(FilePlan(**{kind: (tmp_path / name,)}))


def test_links_in_a_circle_are_told(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises((InputError, OutputError), match=r"circle|is no folder"):
        check_plan(FilePlan(files=(tmp_path / "a" / "clip.mp4",)))


def test_folders_that_cannot_be_written_to_are_told_before_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, *_: str(path) != str(tmp_path))
    with pytest.raises(OutputError, match="does not allow it; name another place"):
        check_plan(FilePlan(files=(tmp_path / "new" / "folder" / "clip.mp4",)))


def test_a_folder_for_temporary_files_that_is_absent_is_told_before_work(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    with pytest.raises(OutputError, match=r"TMPDIR is .*absent.*set it to a folder with"):
        check_plan(FilePlan(files=(tmp_path / "clip.mp4",)))


def test_what_a_killed_run_left_beside_a_result_is_thrown_away(tmp_path):
    (tmp_path / ".magicpose-0a1b2c3d" / "new").mkdir(parents=True)
    check_plan(FilePlan(files=(tmp_path / "clip.mp4",)))
    assert list(tmp_path.iterdir()) == []


def test_paths_that_were_not_given_are_left_out(tmp_path):
    assert paths(tmp_path, None, [tmp_path, None]) == (tmp_path, tmp_path)
