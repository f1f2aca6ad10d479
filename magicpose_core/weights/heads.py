"""Numbers of attention heads: the one thing about a network that its tensors do not tell.

The user's word comes first, then the note in the metadata of a safetensors file, then Stable
Diffusion's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import CheckpointError

HEADS_KEY = "magicpose.heads"
TEXT_HEADS_KEY = "magicpose.text_heads"
_MOST = 1024


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Attention heads; None where nobody said, see ``infer``.

    Attributes:
        unet: Of the U-Net, the appearance control model and the pose ControlNet.
        text: Of the text encoder.
    """

    unet: int | None = None
    text: int | None = None

    def or_else(self, others: Heads) -> Heads:
        """Fill in from ``others`` what is None here."""
        return Heads(
            unet=others.unet if self.unet is None else self.unet,
            text=others.text if self.text is None else self.text,
        )

    def note(self) -> dict[str, str]:
        """Give the metadata that say so."""
        numbers = {HEADS_KEY: self.unet, TEXT_HEADS_KEY: self.text}
        return {key: str(number) for key, number in numbers.items() if number is not None}


def noted_heads(metadata: Mapping[str, str]) -> Heads:
    """Read what a file's metadata say (``Checkpoint.metadata``).

    Raises:
        CheckpointError: It is no number of heads.
    """
    return Heads(unet=_number(metadata, HEADS_KEY), text=_number(metadata, TEXT_HEADS_KEY))


def _number(metadata: Mapping[str, str], key: str) -> int | None:
    text = metadata.get(key)
    if text is None:
        return None
    plain = text.isascii() and text.isdecimal() and len(text) < 5
    if not plain or not 0 < int(text) <= _MOST:
        raise CheckpointError(
            f"the metadata {key!r} must be a number of heads, got {text[:40]!a}; say it as "
            "heads or text_heads"
        )
    return int(text)
