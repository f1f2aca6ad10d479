"""What of a pose is drawn, and how large; nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import Settings, setting


@dataclass(frozen=True, kw_only=True)
class DrawStyle(Settings):
    """What is drawn, and how large."""

    body: bool = setting(True, help="draw limbs and joints")
    hands: bool = setting(True, help="draw hands")
    face: bool = setting(True, help="draw face points")
    score_threshold: float = setting(
        0.3, minimum=0, maximum=1, help="points with a lower score are left out"
    )
    line_scale: float = setting(
        1.0, above=0, maximum=100, help="factor on all line widths and points; 1 as in training"
    )
    turned_faces: bool = setting(
        False, help="draw face points on a head of which neither nose nor eyes are seen"
    )
