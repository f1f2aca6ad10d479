"""Frames come out in order, upright, one at a time; damage is named."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from magicpose_core.clip_settings import Span
from magicpose_core.errors import InputError
from magicpose_core.video import reader
from magicpose_core.video.reader import list_pictures, open_clip
from magicpose_core.video.writer import open_mp4

FRAMES = 12
LEVEL_STEP = 20


def shaded(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A grey frame whose level tells its index, red on the left third."""
    frame = np.full((height, width, 3), index * LEVEL_STEP, np.uint8)
    frame[:, : width // 3] = (200, 0, 0)
    return frame


def index_of(frame: np.ndarray) -> int:
    return round(float(frame[frame.shape[0] // 2, -8:].mean()) / LEVEL_STEP)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with open_mp4(path, fps=Fraction(30000, 1001)) as write:
        for index in range(FRAMES):
            write(shaded(index))
    return path


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that cannot be packed, so that its bytes are spread evenly over its frames."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.mp4"
    rng = np.random.default_rng(0)
    with open_mp4(path, fps=25) as write:
        for _ in range(40):
            write(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    return path


def test_info_tells_size_rate_and_count(video: Path) -> None:
    with open_clip(video) as clip:
        assert (clip.info.width, clip.info.height) == (64, 48)
        assert clip.info.fps == Fraction(30000, 1001)
        assert clip.info.frame_count == FRAMES


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    start=st.integers(0, FRAMES - 1),
    length=st.none() | st.integers(1, 20),
    stride=st.integers(1, 15),
)
def test_start_stop_and_stride_choose_as_a_slice_does(
    video: Path, start: int, length: int | None, stride: int
) -> None:
    stop = None if length is None else start + length
    expected = list(range(FRAMES))[start:stop:stride]
    with open_clip(video, Span(start=start, stop=stop, stride=stride)) as clip:
        assert clip.info.frame_count == len(expected)
        assert [index_of(frame) for frame in clip.frames] == expected


def test_phone_video_is_turned_upright(video: Path, tmp_path: Path) -> None:
    one, minus, zero, unit = b"\0\1\0\0", b"\xff\xff\0\0", bytes(4), b"\x40\0\0\0"
    upright = one + zero * 3 + one + zero * 3 + unit
    content = bytearray(video.read_bytes())
    at = content.find(upright, content.find(b"tkhd"))
    assert at > 0
    content[at : at + 36] = zero + one + zero + minus + zero * 4 + unit  # a quarter clockwise
    phone = tmp_path / "phone.mp4"
    phone.write_bytes(content)
    with open_clip(phone) as clip:
        frame = next(clip.frames)
        assert (clip.info.width, clip.info.height) == frame.shape[1::-1] == (48, 64)
    np.testing.assert_allclose(frame[5, 24], (200, 0, 0), atol=4)


@pytest.mark.posix
def test_reading_does_not_change_with_the_length(tmp_path: Path) -> None:
    long = tmp_path / "long.mp4"
    with open_mp4(long, fps=25) as write:
        for _ in range(250):
            write(np.zeros((480, 640, 3), np.uint8))
    measure = (
        "import resource, sys; from pathlib import Path\n"
        "from magicpose_core.video.reader import open_clip\n"
        "with open_clip(Path(sys.argv[1])) as clip:\n"
        "    peaks = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss for _ in clip.frames]\n"
        "sys.stdout.write(f'{peaks[-1] - peaks[99]} {len(peaks)}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, str(long)], capture_output=True, text=True, check=True
    )
    grown, count = (int(word) for word in done.stdout.split())
    unit = 1024 if sys.platform != "darwin" else 1
    assert count == 250
    assert grown * unit < 10 * 480 * 640 * 3, "150 more frames must not take the room of ten"


def test_pictures_come_in_natural_order(tmp_path: Path) -> None:
    for index in range(FRAMES):
        Image.fromarray(shaded(index)).save(tmp_path / f"pose{index}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._pose3.png").write_bytes(b"left by macOS")
    with open_clip(tmp_path, Span(start=1, stride=5)) as clip:
        assert clip.info.fps is None
        assert clip.info.frame_count == 3
        for frame, index in zip(clip.frames, (1, 6, 11), strict=True):
            np.testing.assert_array_equal(frame, shaded(index))


def test_natural_order_mixes_letters_and_numbers(tmp_path: Path) -> None:
    names = ["1.png", "2b.png", "10.png", "a1.png", "a02.png", "a10.png"]
    for name in reversed(names):
        (tmp_path / name).touch()
    assert [p.name for p in list_pictures(tmp_path)] == names


def test_one_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(shaded(3)).save(tmp_path / "one.png")
    with open_clip(tmp_path / "one.png") as clip:
        (frame,) = clip.frames
    np.testing.assert_array_equal(frame, shaded(3))


def read_all(path: Path, **frames: int) -> int:
    with open_clip(path, Span(**frames)) as clip:
        return sum(1 for _ in clip.frames)


def test_clip_cut_short_names_the_frame(noisy: Path, tmp_path: Path) -> None:
    content = noisy.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(InputError, match=r"cut\.mp4 is damaged or cut short at frame (\d+)") as e:
        read_all(cut)
    (whole,) = re.findall(r"at frame (\d+)", str(e.value))
    assert 10 < int(whole) < 35
    assert read_all(cut, stop=int(whole)) == int(whole)


def test_matroska_cut_short_is_noticed_by_its_length(noisy: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    with av.open(str(noisy)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    assert read_all(whole) == 40
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 4])
    with pytest.raises(InputError, match=r"cut short at frame \d+ .*of 1\.60 seconds"):
        read_all(cut)


def test_frames_of_which_a_decoder_would_keep_too_much_are_refused(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LARGEST_FRAME", 64 * 48 * 12 // 8)
    assert read_all(video) == FRAMES
    monkeypatch.setattr(reader, "_LARGEST_FRAME", 64 * 48 * 12 // 8 - 1)
    with pytest.raises(InputError, match=r"64 x 48 in yuv420p; make them smaller: 3840 x 2160"):
        read_all(video)


def test_damage_in_the_middle_names_the_frame(noisy: Path, tmp_path: Path) -> None:
    content = bytearray(noisy.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    (tmp_path / "holed.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"holed\.mp4 is damaged or cut short at frame \d+"):
        read_all(tmp_path / "holed.mp4")


@pytest.mark.parametrize("content", [b"", b"these are words\n" * 40], ids=["empty", "text"])
def test_no_video_inside_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"clip\.mp4 cannot be read as a video"):
        read_all(tmp_path / "clip.mp4")


def test_sound_without_pictures_says_so(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 4096), np.float32), format="fltp", layout="mono"
        )
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=r"sound\.mp4 has no video stream"):
        read_all(path)


def test_pictures_of_two_sizes_name_the_odd_one(tmp_path: Path) -> None:
    Image.fromarray(shaded(0)).save(tmp_path / "0.png")
    Image.fromarray(shaded(1, width=32)).save(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"1\.png is 32 x 48 but 0\.png is 64 x 48"):
        read_all(tmp_path)


def test_missing_and_empty_sources_say_what_to_do(video: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no video, picture or folder at"):
        read_all(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match=r"holds no pictures; expected files ending in \.png"):
        read_all(tmp_path)
    with pytest.raises(InputError, match="has no frame at frames 99 to the end"):
        read_all(video, start=99)
    with pytest.raises(InputError, match="stop must be above start"):
        read_all(video, start=3, stop=3)


def test_file_is_closed_when_reading_stops_early(video: Path) -> None:
    with open_clip(video) as clip:
        next(clip.frames)
    open_files = Path(f"/proc/{os.getpid()}/fd")
    if not open_files.exists():
        pytest.skip("open files are only listed on Linux")
    assert video not in [link.resolve() for link in open_files.iterdir()]


def test_metadata_of_other_alphabets_does_not_matter(video: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.mkv"
    with av.open(str(old), "w") as container:
        container.metadata["title"] = "TITLE!"
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(shaded(0), format="rgb24")))
        container.mux(stream.encode())
    old.write_bytes(old.read_bytes().replace(b"TITLE!", b"T\xcfT\xccE!"))  # Windows-1253
    with open_clip(old) as clip:
        assert len(list(clip.frames)) == 1


def test_no_address_is_connected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        playlist = f"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
        (tmp_path / "list.m3u8").write_text(playlist)
        for name in (f"http:/127.0.0.1:{port}/a.mp4", "list.m3u8"):
            with pytest.raises(InputError), open_clip(Path(name)) as clip:
                next(clip.frames)
        with pytest.raises(TimeoutError):
            server.accept()


def test_names_with_a_colon_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_mp4(Path("12:30.mp4"), fps=8) as write:
        write(shaded(3))
    with open_clip(Path("12:30.mp4")) as clip:
        assert [index_of(frame) for frame in clip.frames] == [3]


def test_frames_that_change_their_size_are_named(tmp_path: Path) -> None:
    whole = b""
    for side in (48, 64):
        part = tmp_path / f"{side}.ts"
        with av.open(str(part), "w", format="mpegts") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
            for index in range(3):
                frame = av.VideoFrame.from_ndarray(shaded(index, side, side), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        whole += part.read_bytes()
    (tmp_path / "both.ts").write_bytes(whole)
    with (
        pytest.raises(InputError, match=r"changes its size at frame \d+, to 64 x 64"),
        open_clip(tmp_path / "both.ts") as clip,
    ):
        list(clip.frames)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    for name in ("clip.mp4", "picture.png"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(InputError, match="is a named pipe"), open_clip(tmp_path / name):
            pass
    with pytest.raises(InputError, match="is a named pipe"), open_clip(tmp_path) as clip:
        next(clip.frames)
