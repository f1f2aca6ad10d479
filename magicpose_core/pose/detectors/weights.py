"""Weight files of detectors: where they are looked for, and how they are fetched when asked to."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from ...errors import CheckpointError, InputError, MissingDependencyError, OutputError
from ...files import regular_file

_LOG = logging.getLogger("magicpose")
_BLOCK = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published weight file.

    Attributes:
        name: File name.
        url: Where it is published, pinned to a revision.
        size: In bytes.
        sha256: Of the whole file.
        licence: Under which it is published.
    """

    name: str
    url: str
    size: int
    sha256: str
    licence: str


_DWPOSE = "https://huggingface.co/yzd-v/DWPose/resolve/1a7144101628d69ee7a3768d1ee3a094070dc388"
_ANNOTATORS = (
    "https://huggingface.co/lllyasviel/Annotators/resolve/982e7edaec38759d914a963c48c4726685de7d96"
)
PERSON_BOXES = WeightFile(
    name="yolox_l.onnx",
    url=f"{_DWPOSE}/yolox_l.onnx",
    size=216_746_733,
    sha256="7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411",
    licence="Apache-2.0",
)
WHOLE_BODY = WeightFile(
    name="dw-ll_ucoco_384.onnx",
    url=f"{_DWPOSE}/dw-ll_ucoco_384.onnx",
    size=134_399_116,
    sha256="724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843",
    licence="Apache-2.0",
)
OPENPOSE_BODY = WeightFile(
    name="body_pose_model.pth",
    url=f"{_ANNOTATORS}/body_pose_model.pth",
    size=209_267_595,
    sha256="25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
    licence="CMU OpenPose, non-commercial research",
)
OPENPOSE_HAND = WeightFile(
    name="hand_pose_model.pth",
    url=f"{_ANNOTATORS}/hand_pose_model.pth",
    size=147_341_049,
    sha256="b76b00d1750901abd07b9f9d8c98cc3385b8fe834a26d4b4f0aad439e75fc600",
    licence="CMU OpenPose, non-commercial research",
)
OPENPOSE_FACE = WeightFile(
    name="facenet.pth",
    url=f"{_ANNOTATORS}/facenet.pth",
    size=153_718_792,
    sha256="8beb52e548624ffcc4aed12af7aee7dcbfaeea420c75609fee999fe7add79d43",
    licence="CMU OpenPose, non-commercial research",
)
# RTMPose, RTMW and DWPose exports under their publishers' names.
BOX_PATTERNS = ("yolox*.onnx",)
BODY_PATTERNS = ("dw-*.onnx", "*wholebody*.onnx", "rtmw*.onnx")


def find_weights(
    file: WeightFile,
    folders: Sequence[Path],
    *,
    download: bool = False,
    patterns: Sequence[str] = (),
) -> Path:
    """Return the path of a weight file in the first folder that holds it at any depth.

    Args:
        file: The published file.
        folders: Folders to look into; absent ones are passed over.
        download: Fetch the file into the first folder when none holds it.
        patterns: Names of other files that do as well, such as ``*wholebody*.onnx``.

    Raises:
        MissingDependencyError: The file is in none of the folders, and ``download`` is off or
            there is no folder to put it in.
        InputError: A folder may not be read.
        CheckpointError: A file of the published name and size holds something else.
    """
    for folder in map(regular_file, map(Path, folders)):
        for pattern in (file.name, *patterns):
            found = sorted(path for path in folder.rglob(pattern) if path.is_file())
            if found:
                if pattern == file.name:
                    _check_found(found[0], file)
                return found[0]
    if not download or not folders:
        looked = (
            ", ".join(map(str, folders)) or "no folder was given, name one with detector_weights"
        )
        raise MissingDependencyError(
            f"the weights {file.name} are missing (looked in: {looked}). Put them there from "
            f"{file.url} ({file.size / 1e6:.0f} MB, licence: {file.licence}), or set download=True"
        )
    return fetch_weights(file, Path(folders[0]))


def fetch_weights(file: WeightFile, folder: Path) -> Path:
    """Download a weight file, going on where an earlier try stopped, and check it.

    The file takes its name once its checksum is right; until then it is ``NAME.part``.

    Raises:
        MissingDependencyError: The server cannot be reached or refuses.
        CheckpointError: What came has another size or checksum; it is removed.
        OutputError: The disk is full.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_space(folder, file, part)
        _LOG.warning(
            "downloading %s: %.0f MB from %s, SHA-256 %s, licence: %s",
            file.name,
            file.size / 1e6,
            file.url,
            file.sha256,
            file.licence,
        )
        _receive(file, part)
        _check(file, part)
        part.replace(target)
    except OutputError:
        raise
    except urllib.error.URLError as error:
        if getattr(error, "code", None) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # the next try begins anew
        raise MissingDependencyError(
            f"{file.url} cannot be fetched ({error.reason}); what has come is kept in {part}: "
            f"try again, or put the file into {folder} yourself"
        ) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise MissingDependencyError(
            f"the connection broke while {file.name} was fetched ({error}); what has come is kept "
            "and the next try goes on from there"
        ) from error
    except OSError as error:
        raise OutputError(f"could not write {target}: {error.strerror}; free some space") from error
    return target


def _check_found(path: Path, file: WeightFile) -> None:
    """Compare what lies there with what is published; an export of another size may be meant."""
    size = path.stat().st_size
    if size != file.size:
        _LOG.warning(
            "%s has %d bytes and the published file %d: it is cut short or another export; if "
            "detection fails, fetch it again from %s",
            path,
            size,
            file.size,
            file.url,
        )
    elif _sha256(path) != file.sha256:
        raise CheckpointError(
            f"{path} has the size of the published file but not its SHA-256 ({file.sha256}): it is "
            f"damaged; remove it and fetch it again from {file.url}"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as read:
        while block := read.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _check_space(folder: Path, file: WeightFile, part: Path) -> None:
    free, missing = shutil.disk_usage(folder).free, file.size - _received(part)
    if free < missing:
        raise InputError(
            f"{folder} has {free / 1e6:.0f} MB free, {file.name} needs {missing / 1e6:.0f} MB; "
            "free some space or name another folder first"
        )


def _received(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _receive(file: WeightFile, part: Path) -> None:
    """Add to what has come, as many bytes as are missing and no more."""
    if part.is_symlink():
        raise OutputError(f"{part} is a link and is not written through; remove it first")
    have = _received(part)
    if have >= file.size:
        return
    request = urllib.request.Request(file.url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
        resumed = answer.status == HTTPStatus.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise ConnectionError("the server sent another part than was asked for")
        with part.open("ab" if resumed else "wb") as written:
            missing = file.size - (have if resumed else 0)
            while missing and (block := answer.read(min(_BLOCK, missing))):
                written.write(block)
                missing -= len(block)
            os.fsync(written.fileno())


def _check(file: WeightFile, part: Path) -> None:
    size = part.stat().st_size
    if size < file.size:
        raise ConnectionError(f"{size} of {file.size} bytes came")
    digest = _sha256(part)
    if digest != file.sha256:
        part.unlink()
        raise CheckpointError(
            f"what came from {file.url} has the SHA-256 {digest} instead of "
            f"{file.sha256}; it was removed, try again"
        )
