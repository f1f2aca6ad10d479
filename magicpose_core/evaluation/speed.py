"""Time a denoising step against the authors' schedule on the same networks, in one process."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from ..models.denoiser import MagicPoseDenoiser
from ..sampling.windows import FrameWindows
from .authors_schedule import explicit_attention, frame_step
from .random_clip import GUIDANCE_SCALE, RandomClip, prepare_step
from .settings import Clock

CLOCKS: Mapping[Clock, Callable[[], float]] = MappingProxyType(
    {"wall": time.perf_counter, "cpu": lambda: time.process_time() / torch.get_num_threads()}
)
"""What seconds are: those on the wall, or those of the processor for each thread.

On a machine that others use too, the latter with one thread leaves their work out.
"""

_PEAK_SIDES = (512, 2048)  # a product of the larger takes a tenth of a second on two cores
_PEAK_TRIES = 5
_LONG_PRODUCT = 0.02  # seconds for the smaller: a hundred times what it should take


@dataclass(frozen=True, kw_only=True)
class SpeedComparison:
    """What was timed; one entry per round, in which both took their turn.

    Attributes:
        theirs: Seconds a frame and step, the authors' schedule.
        ours: Seconds a frame and step, all frames of the clip in one timestep divided by them.
        peak: GFLOP per second of a big matrix product in the same dtype.
        difference: Norm of (ours - theirs) / norm of theirs, of one frame's guided noise.
        peak_memory: Bytes that ours takes at most, the networks included; 0 except on CUDA.
    """

    theirs: tuple[float, ...]
    ours: tuple[float, ...]
    peak: float
    difference: float
    peak_memory: int = 0

    @property
    def times_faster(self) -> float:
        """Median over rounds, each round's two times being taken under the same load."""
        return statistics.median(a / b for a, b in zip(self.theirs, self.ours, strict=True))


def compare_speed(
    denoiser: MagicPoseDenoiser,
    clip: RandomClip,
    *,
    windows: FrameWindows,
    rounds: int,
    clock: Clock = "wall",
    on_round: Callable[[], object] = lambda: None,
) -> SpeedComparison:
    """Time both schedules in turns, after each has warmed up on one batch of frames.

    Args:
        denoiser: Networks; the dtype and device of the comparison are theirs.
        clip: A clip in the same dtype and on the same device.
        windows: How many frames ours takes at a time; theirs takes one.
        rounds: How often each is timed.
        clock: See ``CLOCKS``.
        on_round: Called after the warm-up and after each round.
    """
    theirs: list[float] = []
    ours: list[float] = []
    peaks: list[float] = []
    differences: list[float] = []
    with torch.inference_mode():
        with explicit_attention(denoiser), _not_compiled():
            _first_frame_their_way(denoiser, clip, 1)
        prepare_step(denoiser, clip.first(windows.length), windows)(1)
        on_round()
        step = prepare_step(denoiser, clip, windows)
        for number in range(rounds):
            # Another timestep each time, or the appearance would be kept from the last one.
            timestep = 981 - 20 * number
            peaks.append(matrix_peak(clip.latents, clock))
            with (
                explicit_attention(denoiser),
                _not_compiled(),
                stopwatch(clip.latents, clock, theirs),
            ):
                their_noise = _first_frame_their_way(denoiser, clip, timestep)
            if clip.latents.is_cuda:
                torch.cuda.reset_peak_memory_stats(clip.latents.device)
            with stopwatch(clip.latents, clock, ours):
                our_noise = step(timestep)
            difference = (our_noise[:1].float() - their_noise.float()).norm()
            differences.append(float(difference / their_noise.float().norm()))
            on_round()
    return SpeedComparison(
        theirs=tuple(theirs),
        ours=tuple(seconds / len(clip.latents) for seconds in ours),
        peak=max(peaks),
        difference=max(differences),
        peak_memory=torch.cuda.max_memory_allocated(clip.latents.device)
        if clip.latents.is_cuda
        else 0,
    )


def _not_compiled() -> contextlib.AbstractContextManager[object]:
    """Run compiled networks as they were, where PyTorch knows how (since 2.6)."""
    stance = getattr(torch.compiler, "set_stance", None)
    return contextlib.nullcontext() if stance is None else stance("force_eager")


def matrix_peak(like: Tensor, clock: Clock = "wall") -> float:
    """Measure the GFLOP per second of a product of two big square matrices, the best of a few.

    Args:
        like: Gives the dtype and the device.
        clock: See ``CLOCKS``.
    """
    best = 0.0
    for side in _PEAK_SIDES:
        left, right = (like.new_empty(side, side).uniform_(-1, 1) for _ in range(2))
        seconds: list[float] = []
        for _ in range(_PEAK_TRIES):
            with stopwatch(like, clock, seconds):
                torch.mm(left, right)
        best = max(best, 2 * side**3 / min(seconds) / 1e9)
        if min(seconds) > _LONG_PRODUCT:
            break  # a dtype that this processor only emulates would take minutes at the next side
    return best


@contextlib.contextmanager
def stopwatch(like: Tensor, clock: Clock, seconds: list[float]) -> Iterator[None]:
    """Append the seconds that the block takes on the device of ``like``."""
    read = CLOCKS[clock]
    start = read()
    yield
    if like.is_cuda:
        torch.cuda.synchronize(like.device)
    seconds.append(read() - start)


def _first_frame_their_way(denoiser: MagicPoseDenoiser, clip: RandomClip, timestep: int) -> Tensor:
    return frame_step(
        denoiser,
        clip.latents[:1],
        timestep,
        clip.text,
        reference_latents=clip.reference_latents,
        pose_map=clip.pose_maps[:1],
        guidance_scale=GUIDANCE_SCALE,
    )
