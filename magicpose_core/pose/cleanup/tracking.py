"""Follow one person through a clip in which others come near, cross and hide them.

Everybody is followed at once, and each skeleton continues one person at most: so nobody takes over
that of another who is still there. Where one was hidden or not found, a detector may put their head
on the followed one's body; such a skeleton, and whoever was once seen beside the followed one,
never becomes the followed one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..keypoints import People, PersonPose
from ..skeletons import BODY

_SEEN = 0.3
_REACH = 0.75  # of the person's size, or of its doubling: who is farther off is somebody else
_STEP = 0.25  # the same of the others, for whom stray skeletons must not be taken
_FORGET = 15  # frames without the person after which the nearest newcomer is taken, however far
_REMEMBER = 60  # frames for which somebody else who is not found is taken to stand where they were
_KNOWN = 3  # frames that show somebody else, but for whom a skeleton may be a stray one
_DOUBLE = 0.1  # sizes: skeletons so near each other are of one person
_COAST = 10  # frames for which a motion is taken to go on
_INERTIA = 0.7  # of a motion against the newest step
_HEAD = [BODY.index(name) for name in ("nose", "right_eye", "left_eye", "right_ear", "left_ear")]
_ONE_HEAD = 0.15  # sizes: heads so near each other are one
_CLEAR = 0.25  # sizes: heads farther off cannot be taken for each other

_Place = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Track:
    """Somebody as last seen.

    Attributes:
        pose: In that frame.
        velocity: (2,) in pixels a frame.
        missed: Frames since.
        seen: Number of frames that showed them.
        beside: Whether a frame showed them and the followed one.
    """

    pose: PersonPose
    velocity: _Place
    missed: int = 0
    seen: int = 1
    beside: bool = False

    def way(self) -> _Place:
        """Return how far (2,) they have come by the next frame."""
        return self.velocity * min(self.missed + 1, _COAST)

    def found(self, pose: PersonPose, aspect: _Place, beside: bool) -> _Track:
        """Return them as seen now."""
        step = _step(pose, self.pose, aspect) / (self.missed + 1)
        if self.missed >= _COAST:
            velocity = np.zeros(2)  # the step may be from one person to another
        elif self.seen == 1:
            velocity = step
        else:
            velocity = _INERTIA * self.velocity + (1 - _INERTIA) * step
        return _Track(
            pose=pose, velocity=velocity, seen=self.seen + 1, beside=self.beside or beside
        )

    def lost(self) -> _Track:
        """Return them after a frame that does not show them."""
        return replace(self, missed=self.missed + 1)


def follow_largest(frames: Iterable[People], aspect: _Place) -> Iterator[People]:
    """Yield the largest person of the first frame that shows anybody, in each frame.

    Args:
        frames: People of each frame.
        aspect: (2,) width and height of the frames in pixels.

    Yields:
        One person, or nobody where the frame does not show them apart from others.
    """
    mine: _Track | None = None
    clear: _Track | None = None  # where the head was last far from everybody who is hidden
    others: list[_Track] = []
    for people in frames:
        shown = _singly(people, aspect)
        if mine is None or clear is None:
            if shown:
                first = max(shown, key=lambda person: body_extent(person, aspect))
                mine = clear = _Track(pose=first, velocity=np.zeros(2))
                others = _newcomers([p for p in shown if p is not first], beside=True)
                yield (first,)
            else:
                yield ()
            continue
        given = _give(shown, [mine, *others], aspect)
        if 0 not in given and mine.missed >= _FORGET:
            given = _give_newcomer(shown, given, mine, others, aspect)
        chosen = given.get(0)
        if chosen is not None and _mixed(shown[chosen], clear, others, aspect):
            chosen = None
        others = _others(shown, given, chosen, others, mine, aspect)
        clear = clear.lost()
        if chosen is None:
            mine = mine.lost()
            yield ()
            continue
        mine = mine.found(shown[chosen], aspect, beside=False)
        if all(_heads(mine.pose, other.pose, aspect) > _CLEAR for other in _hidden(others)):
            clear = mine
        yield (shown[chosen],)


def body_extent(person: PersonPose, aspect: _Place) -> float:
    """Return the diagonal in pixels of the box about the seen points of the body."""
    seen = person.body.visible(_SEEN)
    if not seen.any():
        return 0.0
    return math.hypot(*np.ptp(person.body.xy[seen] * aspect, axis=0))


def body_center(person: PersonPose, aspect: _Place) -> _Place:
    """Return the mean (2,) in pixels of the seen points of the body, infinite without any."""
    seen = person.body.visible(_SEEN)
    if not seen.any():
        return np.full(2, np.inf)
    return np.asarray((person.body.xy[seen] * aspect).mean(axis=0))


def _singly(people: Iterable[PersonPose], aspect: _Place) -> list[PersonPose]:
    """Return who is seen at all, each once: detectors find some twice."""
    once: list[_Track] = []
    for person in people:
        if not person.body.visible(_SEEN).any():
            continue
        if all(_distance(person, other, aspect) >= _DOUBLE for other in once):
            once += _newcomers([person], beside=False)
    return [track.pose for track in once]


def _newcomers(people: Iterable[PersonPose], *, beside: bool) -> list[_Track]:
    return [_Track(pose=person, velocity=np.zeros(2), beside=beside) for person in people]


def _give(shown: Sequence[PersonPose], tracks: Sequence[_Track], aspect: _Place) -> dict[int, int]:
    """Give each track one skeleton at most: the nearest pairs first, those of strays last.

    Returns:
        Number of the skeleton by that of the track; the followed one's is 0.
    """
    pairs = []
    for row, track in enumerate(tracks):
        stray = row > 0 and track.seen < _KNOWN
        for column, person in enumerate(shown):
            distance = _distance(person, track, aspect)
            if distance <= (_STEP if row else _REACH):
                pairs.append((stray, distance, row, column))
    given: dict[int, int] = {}
    for _, _, row, column in sorted(pairs):
        if row not in given and column not in given.values():
            given[row] = column
    return given


def _others(
    shown: Sequence[PersonPose],
    given: dict[int, int],
    chosen: int | None,
    others: Sequence[_Track],
    mine: _Track,
    aspect: _Place,
) -> list[_Track]:
    """Return everybody else after a frame."""
    beside, after = chosen is not None, []
    for number, other in enumerate(others, 1):
        if number in given:
            after.append(other.found(shown[given[number]], aspect, beside))
        elif other.seen >= _KNOWN and other.missed < _REMEMBER:
            double = other.missed == 0 and _distance(other.pose, mine, aspect) < _DOUBLE
            after += [] if double else [other.lost()]
    free = [person for index, person in enumerate(shown) if index not in given.values()]
    known = [p for p in free if beside or _found_again(p, mine, after, aspect)]
    new = [p for p in free if all(p is not other for other in known)]
    return [*after, *_newcomers(known, beside=True), *_newcomers(new, beside=False)]


def _found_again(
    person: PersonPose, mine: _Track, others: Iterable[_Track], aspect: _Place
) -> bool:
    """Tell whether somebody is nearer to where another one was last seen than to the followed."""
    own = _distance(person, mine, aspect)
    return any(_distance(person, other, aspect) < own for other in _hidden(others))


def _give_newcomer(
    shown: Sequence[PersonPose],
    given: dict[int, int],
    mine: _Track,
    others: Sequence[_Track],
    aspect: _Place,
) -> dict[int, int]:
    """Give the followed one the nearest skeleton of somebody never seen beside them."""
    free = [
        given[number]
        for number, other in enumerate(others, 1)
        if number in given and not other.beside and other.seen >= _KNOWN
    ]
    if not free:
        return given
    nearest = min(free, key=lambda index: _distance(shown[index], mine, aspect))
    return {0: nearest, **{n: index for n, index in given.items() if index != nearest}}


def _hidden(others: Iterable[_Track]) -> list[_Track]:
    return [other for other in others if other.beside and other.missed and other.seen >= _KNOWN]


def _mixed(person: PersonPose, clear: _Track, others: Iterable[_Track], aspect: _Place) -> bool:
    """Tell whether a head is where that of somebody hidden was, and not where it should be."""
    way = clear.way()
    for other in _hidden(others):
        theirs = _heads(person, other.pose, aspect)
        if theirs < _ONE_HEAD:
            own = _heads(person, clear.pose, aspect, way) if clear.missed < _FORGET else math.inf
            size = body_extent(clear.pose, aspect) / max(body_extent(other.pose, aspect), 1e-6)
            if theirs < own * size:
                return True
    return False


def _heads(
    person: PersonPose, other: PersonPose, aspect: _Place, way: _Place | float = 0.0
) -> float:
    """Return how far two heads lie apart in sizes of the second one, infinite where unseen."""
    shared = [j for j in _HEAD if min(person.body.score[j], other.body.score[j]) >= _SEEN]
    if not shared:
        return math.inf
    apart = (person.body.xy[shared] - other.body.xy[shared]) * aspect - way
    distance = float(np.linalg.norm(apart, axis=-1).mean())
    return distance / max(body_extent(other, aspect), 1e-6)


def _step(person: PersonPose, before: PersonPose, aspect: _Place) -> _Place:
    """Return the median way (2,) in pixels of the points that both show."""
    shared = person.body.visible(_SEEN) & before.body.visible(_SEEN)
    if not shared.any():
        return np.zeros(2)
    ways = (person.body.xy[shared] - before.body.xy[shared]) * aspect
    return np.asarray(np.median(ways, axis=0), np.float64)


def _distance(person: PersonPose, track: _Track, aspect: _Place) -> float:
    """Return how far a body lies from where somebody should be, in their sizes.

    A body of another size counts as far off, too.
    """
    other, way = track.pose, track.way()
    shared = person.body.visible(_SEEN) & other.body.visible(_SEEN)
    size = max(body_extent(other, aspect), 1e-6)
    if shared.any():
        places = [each.body.xy[shared] * aspect for each in (person, other)]
        apart = float(np.linalg.norm(places[0] - places[1] - way, axis=-1).mean()) / size
        extents = [max(float(np.linalg.norm(np.ptp(points, axis=0))), 1e-6) for points in places]
        return apart + (abs(math.log2(extents[0] / extents[1])) if shared.sum() > 1 else 0.0)
    apart_by = body_center(person, aspect) - body_center(other, aspect) - way
    return float(np.linalg.norm(apart_by)) / size
