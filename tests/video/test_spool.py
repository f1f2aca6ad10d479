from __future__ import annotations

import numpy as np
import pytest

from magicpose_core.errors import InputError
from magicpose_core.video.spool import spool


def test_frames_come_back_in_order_and_are_read_once():
    frames = [np.full((4, 6, 3), value, np.uint8) for value in range(5)]
    source = iter(frames)
    with spool(source) as clip:
        assert clip.shape == (5, 4, 6, 3)
        np.testing.assert_array_equal(clip[3], frames[3])
    assert next(source, None) is None


def test_no_frames_and_frames_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="no frames"), spool([]):
        pass
    mixed = [np.zeros((4, 6, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)]
    with pytest.raises(InputError, match="frame 1 is"), spool(mixed):
        pass
