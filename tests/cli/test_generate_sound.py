"""The dance's sound and speed in the clip."""

from __future__ import annotations

import wave

import av
import numpy as np
import pytest

from magicpose_core.cli.__main__ import main
from magicpose_core.video.writer import open_mp4


@pytest.fixture
def loud_maps(inputs):
    """A video of pose maps with a second of sound: 4 frames, 4 a second."""
    recording = inputs / "noise.wav"
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(0).bytes(2 * 16_000))
    path = inputs / "maps.mp4"
    with open_mp4(path, fps=4, sound=recording) as write:
        for index in range(4):
            write(np.full((64, 64, 3), 40 * index, np.uint8))
    return path


def sound_of(path):
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_sound_and_speed_of_the_dance_go_into_the_clip(inputs, words, loud_maps, capsys):
    words += ["--poses", str(loud_maps)]
    whole = inputs / "whole.mp4"
    assert main([*words, "--stride", "2", "--out", str(whole)]) == 0
    assert sound_of(whole) == sound_of(loud_maps)
    with av.open(str(whole)) as container:
        assert container.streams.video[0].average_rate == 2
    assert main([*words, "--no-audio", "--frames", "1", "--out", str(inputs / "b.mp4")]) == 0
    assert sound_of(inputs / "b.mp4") is None
    assert main([*words, "--fps", "8", "--frames", "1", "--out", str(inputs / "c.mp4")]) == 0
    assert "is left out: --fps changes the dance's speed" in capsys.readouterr().err
    assert sound_of(inputs / "c.mp4") is None


def test_the_sound_begins_with_the_first_frame_that_is_taken(inputs, words, loud_maps):
    maps = inputs / "dark.mp4"
    with open_mp4(maps, fps=4, sound=loud_maps) as write:
        for _ in range(4):
            write(np.zeros((64, 64, 3), np.uint8))
    words += ["--poses", str(maps)]
    out = inputs / "later.mp4"
    assert main([*words, "--start", "1", "--frames", "1", "--out", str(out)]) == 0
    dance, later = sound_of(maps), sound_of(out)
    first = dance.index(later[0])
    assert first == pytest.approx(len(dance) / 4, abs=2)  # of four frames
    assert later == dance[first : first + len(later)]


def test_another_file_gives_the_sound(inputs, words, loud_maps, capsys):
    out = ("--frames", "1", "--out", str(inputs / "clip.mp4"))
    assert main([*words, "--audio", str(loud_maps), *out]) == 0
    assert sound_of(inputs / "clip.mp4")[0] == sound_of(loud_maps)[0]
    assert main([*words, "--audio", str(inputs / "person.png"), "--force", *out]) == 2
    assert "person.png is no file with sound" in capsys.readouterr().err
    assert main([*words, "--audio", str(loud_maps), "--out", str(inputs / "folder")]) == 2
    assert "audio goes into an MP4 and" in capsys.readouterr().err
