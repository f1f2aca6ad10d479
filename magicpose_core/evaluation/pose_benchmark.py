"""Measure alignment and smoothing on figures of known bones.

``python -m magicpose_core.evaluation.pose_benchmark`` prints the tables. Other ways of fitting a
driver to a reference are measured beside ours; they are shown every joint, also where joints are
hidden from ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..pose.cleanup.settings import FILTERS, SmoothSettings
from ..pose.cleanup.smooth import smooth
from ..pose.keypoints import Keypoints, PersonPose, PoseSequence
from ..pose.retarget.align import align
from ..pose.retarget.body_tree import BONES, HIPS, MID_HIP, Mask, Points, with_mid_hip
from ..pose.retarget.settings import AlignSettings
from .kinematic_figures import Lengths, pose, random_body, random_motion, stature

_SIZE = (1024, 1024)
_FRAMES = 60
_GROWN = 15  # percent by which a limb is seen to be too long
_LIMBS = ("thigh", "shin", "upper_arm", "forearm", "torso")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A driver's clip, a reference's picture and the truth, all in pixels of one picture size.

    Attributes:
        driver: (F, 18, 2), and ``driver_seen`` (F, 18).
        reference: (1, 18, 2), and ``reference_seen`` (1, 18).
        truth: (F, 19, 2), the reference's bones with the driver's directions.
        lengths: The reference's true lengths.
    """

    driver: Points
    driver_seen: Mask
    reference: Points
    reference_seen: Mask
    truth: Points
    lengths: Lengths


def random_pair(generator: np.random.Generator, *, hidden: float, depth: bool) -> Pair:
    """Draw two people of 200 to 450 pixels who differ in size and in every bone, and their poses.

    Args:
        generator: The source of chance.
        hidden: Share of the joints that are hidden, drawn anew in each frame.
        depth: Move in space and project, so that bones are foreshortened.
    """
    own, ref = (random_body(generator, generator.uniform(200, 450)) for _ in range(2))
    directions = random_motion(generator, _FRAMES, depth=depth)
    still = random_motion(generator, 1, depth=depth)
    drift = np.cumsum(generator.normal(0, 1.0, (_FRAMES, 2)), axis=0)
    home, place = (generator.uniform(400, 600, 2) for _ in range(2))
    walk = (ref["thigh"] + ref["shin"]) / (own["thigh"] + own["shin"])
    driver = pose(own, directions) + (home + drift)[:, None]
    reference = pose(ref, still) + place
    return Pair(
        driver=driver[:, :MID_HIP],
        driver_seen=generator.random((_FRAMES, MID_HIP)) >= hidden,
        reference=reference[:, :MID_HIP],
        reference_seen=generator.random((1, MID_HIP)) >= hidden,
        truth=pose(ref, directions) + (place + walk * (drift - drift[0]))[:, None],
        lengths=ref,
    )


def clip_of(places: Points, seen: Mask) -> PoseSequence:
    """Make a clip of one body from (F, 18, 2) pixels."""
    return PoseSequence(
        frames=tuple(
            (PersonPose(body=Keypoints.from_pixels(points, mask, *_SIZE)),)
            for points, mask in zip(places, seen, strict=True)
        ),
        width=_SIZE[0],
        height=_SIZE[1],
    )


def pixels_of(clip: PoseSequence) -> Points:
    """Return the body of a one-person clip, (F, 18, 2) pixels."""
    return np.stack([people[0].body.pixels(clip.width, clip.height) for people in clip.frames])


def aligned(pair: Pair) -> Points:
    """Align a pair as the truth has it: hips on hips in the first frame, all walk and tilt."""
    reference = clip_of(pair.reference, pair.reference_seen).frames[0][0]
    settings = AlignSettings(
        anchor="hips", anchor_frame=0, walk=1.0, keep_inside=False, head_tilt=1.0
    )
    clip = clip_of(pair.driver, pair.driver_seen)
    return pixels_of(align(clip, reference, _SIZE, settings).sequence)


def unaligned(pair: Pair) -> Points:
    """Only move the driver so that its hips start at the reference's."""
    home, place = (points[0, HIPS].mean(axis=0) for points in (pair.driver, pair.reference))
    return pair.driver + (place - home)


def scaled(pair: Pair) -> Points:
    """Scale the driver by the height of its first frame, and set its hips on the reference's."""
    heights = [np.ptp(points[0, :, 1]) for points in (pair.reference, pair.driver)]
    home, place = (points[0, HIPS].mean(axis=0) for points in (pair.driver, pair.reference))
    return np.asarray((pair.driver - home) * (heights[0] / heights[1]) + place)


def first_frame_ratios(pair: Pair) -> Points:
    """Scale each bone by its ratio in the first frame, as most packs do: no sides, no limits."""
    own, ref = (
        with_mid_hip(points, np.ones(points.shape[:2], bool))[0]
        for points in (pair.driver, pair.reference)
    )
    grown = np.zeros_like(own)
    grown[:, MID_HIP] = ref[0, MID_HIP] + own[:, MID_HIP] - own[0, MID_HIP]
    for bone in BONES:
        ways = own[:, bone.child] - own[:, bone.parent]
        length = np.linalg.norm(ref[0, bone.child] - ref[0, bone.parent])
        ratio = length / max(float(np.linalg.norm(ways[0])), 1e-6)
        grown[:, bone.child] = grown[:, bone.parent] + ratio * ways
    return grown[:, :MID_HIP]


def joint_error(places: Points, pair: Pair) -> float:
    """Return the mean distance to the truth over the seen joints, in percent of the height."""
    distance = np.linalg.norm(places - pair.truth[:, :MID_HIP], axis=-1)
    return float(100 * distance[pair.driver_seen].mean() / stature(pair.lengths))


def growth(places: Points, pair: Pair) -> float:
    """Return by how many percent the longest limb exceeds its true length."""
    nodes, seen = with_mid_hip(places, pair.driver_seen)
    worst = -100.0
    for bone in BONES:
        shown = seen[:, bone.parent] & seen[:, bone.child]
        if bone.kind in _LIMBS and shown.any():
            ways = nodes[shown, bone.child] - nodes[shown, bone.parent]
            longest = float(np.linalg.norm(ways, axis=-1).max())
            worst = max(worst, 100 * (longest / pair.lengths[bone.kind] - 1))
    return worst


METHODS: Mapping[str, Callable[[Pair], Points]] = {
    "hips on hips": unaligned,
    "scaled by height": scaled,
    "first-frame ratios": first_frame_ratios,
    "aligned": aligned,
}


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well a method fits drivers to references; one number per pair, in percent.

    Attributes:
        error: Mean distance to the true joints, of the reference's height.
        growth: By how much the longest limb exceeds its true length.
    """

    error: NDArray[np.float64]
    growth: NDArray[np.float64]


def measure_alignment(pairs: int, *, hidden: float, depth: bool, seed: int = 0) -> dict[str, Fit]:
    """Measure each method on the same random pairs (see ``random_pair``)."""
    generator = np.random.default_rng(seed)
    drawn = [random_pair(generator, hidden=hidden, depth=depth) for _ in range(pairs)]
    measured = {}
    for name, method in METHODS.items():
        places = [method(pair) for pair in drawn]
        fits = list(zip(places, drawn, strict=True))
        measured[name] = Fit(
            error=np.array([joint_error(*fit) for fit in fits]),
            growth=np.array([growth(*fit) for fit in fits]),
        )
    return measured


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """What a filter does to jitter; distances in percent of the height.

    Attributes:
        jitter_before: RMS second difference of the noise.
        jitter_after: The same of what is left of it.
        error_before: Mean distance to the truth.
        error_after: The same behind the filter.
        lag: Frames by which the result is late.
    """

    jitter_before: float
    jitter_after: float
    error_before: float
    error_after: float
    lag: float


def measure_smoothing(settings: SmoothSettings, *, clips: int, seed: int = 0) -> Quiet:
    """Smooth random motions of 4 seconds at 30 frames per second with 1 % of jitter."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(clips):
        body = random_body(generator, 400)
        truth = pose(body, random_motion(generator, 120, depth=False))[:, :MID_HIP] + _SIZE[0] / 2
        # The second difference of white noise has 6 times its variance, here shared by x and y.
        noise = generator.normal(0, 0.01 * stature(body) / np.sqrt(12), truth.shape)
        noisy = truth + noise
        smoothed = pixels_of(smooth(clip_of(noisy, np.ones(truth.shape[:2], bool)), settings))
        values = [_jitter(noisy - truth), _jitter(smoothed - truth)]
        values += [float(np.linalg.norm(p - truth, axis=-1).mean()) for p in (noisy, smoothed)]
        rows.append([*(100 * np.array(values) / stature(body)), _lag(smoothed, truth)])
    before, after, error_before, error_after, lag = np.mean(rows, axis=0)
    return Quiet(
        jitter_before=before,
        jitter_after=after,
        error_before=error_before,
        error_after=error_after,
        lag=lag,
    )


def report(pairs: int = 200, clips: int = 20) -> str:
    """Return both tables as text."""
    rows = [
        f"{pairs} random pairs; percent of the height: mean, worst; growth of a limb: worst, and "
        f"share of the pairs in which it exceeds {_GROWN} %",
        "(the methods above the last line see the hidden joints as well)",
    ]
    for depth in (False, True):
        for hidden in (0.0, 0.3):
            title = f"{'in space' if depth else 'in the plane'}, {hidden:.0%} of the joints hidden"
            rows.append(f"{title:<44}{'mean':>8}{'worst':>8}{'growth':>8}{'of':>8}")
            for name, fit in measure_alignment(pairs, hidden=hidden, depth=depth).items():
                numbers = (fit.error.mean(), fit.error.max(), fit.growth.max())
                share = (fit.growth > _GROWN).mean()
                words = "".join(f"{number:>8.2f}" for number in numbers)
                rows.append(f"  {name:<42}{words}{share:>8.1%}")
    rows.append(f"{clips} random clips; jitter and error in percent of the height, lag in frames")
    rows.append(f"{'filter':<20}{'jitter':>15}{'falls':>8}{'lag':>7}{'error':>15}")
    for name in FILTERS:
        q = measure_smoothing(SmoothSettings(filter=name), clips=clips)
        falls = 1 - q.jitter_after / q.jitter_before
        rows.append(
            f"  {name:<18}{q.jitter_before:>7.2f}{q.jitter_after:>8.2f}{falls:>8.0%}"
            f"{q.lag:>7.2f}{q.error_before:>7.2f}{q.error_after:>8.2f}"
        )
    return "\n".join(rows) + "\n"


def _jitter(places: Points) -> float:
    return float(np.sqrt((np.diff(places, 2, axis=0) ** 2).sum(axis=-1).mean()))


def _lag(places: Points, truth: Points) -> float:
    """Return the delay in frames (tenths) at which the truth is nearest to the places."""
    inner, frames = slice(5, -5), np.arange(len(truth), dtype=float)
    delays = np.arange(-20, 21) / 10
    shape = (len(truth), -1)
    distances = []
    for delay in delays:
        columns = truth.reshape(shape).T
        late = np.stack([np.interp(frames - delay, frames, column) for column in columns], axis=1)
        distances.append(np.abs(places.reshape(shape)[inner] - late[inner]).mean())
    return float(delays[int(np.argmin(distances))])


if __name__ == "__main__":
    sys.stdout.write(report())
