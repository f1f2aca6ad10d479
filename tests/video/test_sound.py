"""A video with sound in, a video with the same sound and speed out."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from magicpose_core.errors import InputError
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


def write(path: Path, sound: Path | None, frames: int, fps: Fraction = FPS) -> Path:
    with open_mp4(path, fps=fps, sound=sound) as take:
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


def test_what_has_no_sound_is_told_apart_and_named(recording, tmp_path):
    silent = write(tmp_path / "silent.mp4", None, frames=2)
    assert has_sound(recording)
    assert not has_sound(silent)
    assert not has_sound(tmp_path)
    with pytest.raises(InputError, match=r"silent\.mp4 has no sound"):
        write(tmp_path / "clip.mp4", silent, frames=2)
    assert not (tmp_path / "clip.mp4").exists()
