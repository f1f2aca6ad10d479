"""Weight files of feature networks: found by the names they have, checked, never fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from torch import Tensor

from ...batch.fingerprint import digest
from ...errors import CheckpointError, InputError
from ...weights.checkpoint import open_checkpoint

KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "inception": (
            "pt_inception-2015-12-05-6726825d.pth",
            "weights-inception-2015-12-05-6726825d.pth",
        ),
        "resnet3d": ("resnet-50-kinetics.pth",),
        "i3d": ("i3d_pretrained_400.pt",),
        "vgg16": ("vgg16-397923af.pth",),
        "alexnet": ("alexnet-owt-7be5be79.pth",),
    }
)
"""Network -> file names that people have its weights under."""
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})\.pth$")
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class FeatureFile:
    """A weight file that is there, and what it holds.

    Attributes:
        path: The file.
        sha256: Of its content.
    """

    path: Path
    sha256: str

    def __str__(self) -> str:
        """``resnet-50-kinetics.pth (SHA-256 0123456789ab...)``."""
        return f"{self.path.name} (SHA-256 {self.sha256[:12]}...)"


def find_file(folder: Path | None, network: str) -> FeatureFile | None:
    """Find the weights of a network in a folder; None where none of their names is there.

    Raises:
        InputError: The folder is absent.
        CheckpointError: A name ends in the first digits of its SHA-256, and the content has others.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise InputError(f"weights {folder} is no folder; name the one that holds the networks")
    for name in KNOWN[network]:
        path = folder / name
        if path.is_file():
            return check_file(path)
    return None


def check_file(path: Path) -> FeatureFile:
    """Hash a file, and hold it to the digits in its name.

    Raises:
        CheckpointError: They differ: it is truncated, or another file.
    """
    sha256 = digest(path)
    promised = _HASH_IN_NAME.search(path.name)
    if promised and not sha256.startswith(promised[1]):
        raise CheckpointError(
            f"{path.name} promises a SHA-256 of {promised[1]}... and has {sha256[:8]}...: it is "
            "truncated or another file; fetch it again"
        )
    return FeatureFile(path=path, sha256=sha256)


def read_state(
    file: FeatureFile, wanted: Iterable[str], *, ignored: Iterable[str] = (), prefix: str = ""
) -> dict[str, Tensor]:
    """Read all tensors of a network, strictly.

    Args:
        file: The file.
        wanted: Names that the network has.
        ignored: Names that may be there besides.
        prefix: What stands before each name in the file, where it does.

    Raises:
        CheckpointError: Tensors are missing or left over; names them.
    """
    opened = open_checkpoint(file.path)
    names = {key.removeprefix(prefix): key for key in opened.tensors}
    needed = list(wanted)
    missing = [name for name in needed if name not in names]
    left = set(names) - set(needed) - set(ignored)
    left = {name for name in left if not name.endswith("num_batches_tracked")}
    if missing or left:
        raise CheckpointError(
            f"{file.path.name} does not fit: {len(missing)} tensors are missing "
            f"({', '.join(missing[:_SHOWN])}), {len(left)} left over "
            f"({', '.join(sorted(left)[:_SHOWN])}); fetch the file of this name again"
        )
    return {name: opened.read(names[name]).float() for name in needed}
