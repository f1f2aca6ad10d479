"""A video with sound in, a video with the same sound and speed out."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.video.reader import open_clip
from magicpose_core.video.sound import has_sound
from magicpose_core.video.writer import open_mp4

RATE, TONE, FPS = 48_000, 440, Fraction(25)
FRAME = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two seconds of a tone, as WAV: what must be encoded."""
    samples = np.sin(np.arange(2 * RATE) * 2 * np.pi * TONE / RATE) * 12_000
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def write(
    path: Path, sound: Path | None, frames: int, fps: Fraction = FPS, start: float = 0
) -> Path:
    with open_mp4(path, fps=fps, sound=sound, sound_start=start) as take:
        for _ in range(frames):
            take(FRAME)
    return path


def read(path: Path) -> tuple[np.ndarray, int]:
    """The sound's samples (C, N) and their rate."""
    with av.open(str(path)) as container:
        pieces = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(pieces, axis=1), container.streams.audio[0].rate


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_a_recording_is_heard_at_its_pitch_and_cut_to_the_frames(recording, tmp_path):
    samples, rate = read(write(tmp_path / "clip.mp4", recording, frames=25))
    assert samples.shape[1] / rate == pytest.approx(1, abs=0.05)
    spectrum = np.abs(np.fft.rfft(samples[0]))
    assert spectrum.argmax() * rate / samples.shape[1] == pytest.approx(TONE, abs=3)


def test_the_sound_of_a_video_is_copied_as_it_is(recording, tmp_path):
    video = write(tmp_path / "dance.mp4", recording, frames=40)
    again = write(tmp_path / "clip.mp4", video, frames=40)
    assert packets(again) == packets(video)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == FPS
        assert container.streams.video[0].frames == 40


def test_sound_ends_where_it_ends(recording, tmp_path):
    samples, rate = read(write(tmp_path / "clip.mp4", recording, frames=100))
    assert samples.shape[1] / rate == pytest.approx(2, abs=0.05)


def test_half_the_frames_at_half_the_rate_keep_the_whole_sound(recording, tmp_path):
    video = write(tmp_path / "dance.mp4", recording, frames=50)
    again = write(tmp_path / "clip.mp4", video, frames=25, fps=FPS / 2)
    assert packets(again) == packets(video)


@pytest.fixture
def two_tones(tmp_path: Path) -> Path:
    """A second of a tone, then a second of its octave."""
    times = np.arange(2 * RATE) / RATE
    samples = np.sin(2 * np.pi * np.where(times < 1, TONE, 2 * TONE) * times) * 12_000
    path = tmp_path / "two.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("copied", [False, True], ids=["encoded", "copied"])
def test_sound_begins_where_the_first_frame_lies(two_tones, tmp_path, copied):
    source = write(tmp_path / "dance.mp4", two_tones, frames=50) if copied else two_tones
    samples, rate = read(write(tmp_path / "clip.mp4", source, frames=15, start=1.2))
    assert samples.shape[1] / rate == pytest.approx(0.6, abs=0.06)
    middle = samples[0][rate // 10 :]
    peak = np.abs(np.fft.rfft(middle)).argmax() * rate / len(middle)
    assert peak == pytest.approx(2 * TONE, abs=5)


def test_what_has_no_sound_is_told_apart_and_named(recording, tmp_path):
    silent = write(tmp_path / "silent.mp4", None, frames=2)
    assert has_sound(recording)
    assert not has_sound(silent)
    assert not has_sound(tmp_path)
    with pytest.raises(InputError, match=r"silent\.mp4 has no sound"):
        write(tmp_path / "clip.mp4", silent, frames=2)
    assert not (tmp_path / "clip.mp4").exists()


def test_a_list_of_other_files_is_neither_sound_nor_video(recording, tmp_path):
    listed = tmp_path / "dance.mp4"
    listed.write_text("ffconcat version 1.0\nfile tone.wav\n")
    assert not has_sound(listed)
    with pytest.raises(InputError, match=r"dance\.mp4 is a list of other files"):
        write(tmp_path / "clip.mp4", listed, frames=2)
    with pytest.raises(InputError, match="a list of other files"), open_clip(listed):
        pass


def test_names_of_songs_in_old_alphabets_do_not_matter(recording, tmp_path):
    """WAV keeps the title as bytes of whatever alphabet; as UTF-8 these are damaged."""
    title = b"LIST" + (20).to_bytes(4, "little") + b"INFOINAM" + (8).to_bytes(4, "little")
    content = recording.read_bytes() + title + b"\xe4\xf6\xfc\xff\xfe\xe4\xf6\0"
    recording.write_bytes(b"RIFF" + (len(content) - 8).to_bytes(4, "little") + content[8:])
    assert has_sound(recording)
    write(tmp_path / "clip.mp4", recording, frames=2)


def test_damaged_sound_is_named(recording, tmp_path):
    song = tmp_path / "song.flac"
    with av.open(str(song), "w") as container:
        stream = container.add_stream("flac", rate=RATE)
        with av.open(str(recording)) as source:
            for frame in source.decode(audio=0):
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = bytearray(song.read_bytes())
    for place in range(len(content) // 4, len(content), 5):
        content[place] ^= 0xA5
    song.write_bytes(content)
    with pytest.raises(InputError, match=r"the sound of .*song\.flac is damaged"):
        write(tmp_path / "clip.mp4", song, frames=50)
    assert not (tmp_path / "clip.mp4").exists()
