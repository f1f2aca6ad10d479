"""What is written reads back; a stop, a full disk or a wrong frame leaves what was there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from magicpose_core.errors import InputError, OutputError
from magicpose_core.video.reader import open_clip
from magicpose_core.video.writer import FrameSink, open_mp4, open_png_folder

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128), (220, 170, 140)]


def plain(colour: tuple[int, int, int], height: int = 64, width: int = 96) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def write_all(
    sink: AbstractContextManager[FrameSink],
    frames: Sequence[np.ndarray],
    stop: type[BaseException] | None = None,
) -> None:
    with sink as write:
        for frame in frames:
            write(frame)
        if stop is not None:
            raise stop


def test_colours_and_rate_survive_the_mp4(tmp_path: Path) -> None:
    with open_mp4(tmp_path / "clip.mp4", fps=Fraction(24000, 1001)) as write:
        for colour in COLOURS:
            write(plain(colour))
    with open_clip(tmp_path / "clip.mp4") as clip:
        assert clip.info.fps == Fraction(24000, 1001)
        frames = list(clip.frames)
    assert len(frames) == len(COLOURS)
    for frame, colour in zip(frames, COLOURS, strict=True):
        np.testing.assert_allclose(frame.mean((0, 1)), colour, atol=3)


def test_mp4_is_what_players_want(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with open_mp4(path, fps=29.97) as write:
        write(plain(COLOURS[0]))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert float(container.streams.video[0].average_rate) == pytest.approx(29.97)
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat"), "the index must stand at the front"


def test_odd_sizes_repeat_the_last_row_and_column(tmp_path: Path) -> None:
    with open_mp4(tmp_path / "odd.mp4", fps=8) as write:
        write(plain((200, 100, 50), 63, 95))
    with open_clip(tmp_path / "odd.mp4") as clip:
        (frame,) = clip.frames
    assert frame.shape == (64, 96, 3)
    np.testing.assert_allclose(frame[-1, -1], (200, 100, 50), atol=4)


def test_smaller_crf_loses_less(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    sizes = []
    for crf in (0, 17, 40):
        with open_mp4(tmp_path / f"{crf}.mp4", fps=8, crf=crf) as write:
            write(frame)
        sizes.append((tmp_path / f"{crf}.mp4").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)


def test_png_folder_is_exact_and_numbered(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, 9, 7, 3), dtype=np.uint8)
    with open_png_folder(tmp_path / "new" / "frames") as write:
        for frame in frames:
            write(frame)
    written = sorted((tmp_path / "new" / "frames").iterdir())
    assert [p.name for p in written] == ["00000.png", "00001.png", "00002.png"]
    for path, frame in zip(written, frames, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), frame)


def test_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    with open_png_folder(tmp_path / "frames") as write:
        write(plain(COLOURS[0]))
    assert [p.name for p in (tmp_path / "frames").iterdir()] == ["00000.png"]


def test_filled_folder_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "frames" / "mine.png"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    with pytest.raises(OutputError, match="frames is there and not empty; name a new folder"):
        write_all(open_png_folder(kept.parent), [plain(COLOURS[0])])
    assert kept.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [kept.parent]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_stop_leaves_what_was_there(stop: type[BaseException], tmp_path: Path) -> None:
    old = tmp_path / "clip.mp4"
    old.write_bytes(b"the old clip")
    frames = [plain(colour) for colour in COLOURS]
    with pytest.raises(stop):
        write_all(open_mp4(old, fps=8), frames, stop)
    with pytest.raises(stop):
        write_all(open_png_folder(tmp_path / "frames"), frames, stop)
    assert old.read_bytes() == b"the old clip"
    assert list(tmp_path.iterdir()) == [old]


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from magicpose_core.errors import OutputError
from magicpose_core.video.writer import open_mp4, open_png_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
target = Path(sys.argv[2])
rng = np.random.default_rng(0)
try:
    with open_mp4(target, fps=8) if sys.argv[1] == "mp4" else open_png_folder(target) as write:
        for _ in range(30):
            write(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8))
except OutputError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.posix
@pytest.mark.parametrize(("kind", "limit"), [("mp4", 4_000), ("mp4", 100_000), ("png", 4_000)])
def test_full_disk_is_one_error_and_leaves_the_old_file(
    kind: str, limit: int, tmp_path: Path
) -> None:
    target = tmp_path / "clip.mp4"
    if kind == "mp4":
        target.write_bytes(b"the old clip")
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, kind, str(target), str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"could not write {target}")
    assert "File too large; nothing was changed, free some space" in done.stdout
    if kind == "mp4":
        assert target.read_bytes() == b"the old clip"
    assert list(tmp_path.iterdir()) == ([target] if kind == "mp4" else [])


def test_no_space_while_the_index_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device; nothing was changed"):
        write_all(open_mp4(tmp_path / "clip.mp4", fps=8), [plain(COLOURS[0])])
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with pytest.raises(InputError, match=r"must be \(H, W, 3\) uint8, got \(64, 96, 3\) float64"):
        write_all(open_mp4(path, fps=8), [np.zeros((64, 96, 3))])
    with pytest.raises(InputError, match="must be 96 x 64 as the first, got 64 x 64"):
        write_all(open_mp4(path, fps=8), [plain(COLOURS[0]), plain(COLOURS[0], 64, 64)])
    for sink in (open_mp4(path, fps=8), open_png_folder(tmp_path / "frames")):
        with pytest.raises(InputError, match="a clip needs one at least"):
            write_all(sink, [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fps", "crf"), [(0, 17), (-1, 17), (float("inf"), 17), (float("nan"), 17), (8, 52), (8, -1)]
)
def test_wrong_settings_are_named(fps: float, crf: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fps above 0 and crf from 0 to 51"):
        write_all(open_mp4(tmp_path / "clip.mp4", fps=fps, crf=crf), [plain(COLOURS[0])])


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"named something\.mp4, got clip\.avi"):
        write_all(open_mp4(tmp_path / "clip.avi", fps=8), [plain(COLOURS[0])])
