from __future__ import annotations

import errno

import pytest

from magicpose_core.errors import OutputError
from magicpose_core.files import atomic_folder, atomic_path, write_text


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
