"""What the machine is made of: versions, devices, memory, disk."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from .. import __version__
from ..models.cores import cpu_limit, processor_name, real_cores
from ..models.precision import measured_precision, memory_file
from .findings import Finding

# distribution -> what it is needed for where it is absent
NEEDED = ("torch", "diffusers", "transformers", "safetensors", "einops", "numpy", "scipy", "pillow")
OPTIONAL = {
    "torchmetrics": "PSNR and SSIM",
    "controlnet-aux": "the detector openpose",
    "onnxruntime": "the detector dwpose",
    "accelerate": "training",
}
_OPENCV = tuple(
    f"opencv-{kind}"
    for kind in ("python", "python-headless", "contrib-python", "contrib-python-headless")
)
_ONNX_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-silicon")
_ENOUGH_DISK = 2e9  # bytes: a clip and its scratch files; a converted model takes 4.6 GB


def versions() -> list[Finding]:
    """List the versions of what the project runs on."""
    found = [
        Finding(what="magicpose", seen=f"{__version__}, {Path(__file__).parents[1]}"),
        Finding(what="python", seen=f"{platform.python_version()}, {sys.executable}"),
        Finding(what="system", seen=platform.platform()),
    ]
    found += [_needed(name) for name in (*NEEDED, "av")]
    found.append(_opencv())
    return found + [_optional(name, purpose) for name, purpose in OPTIONAL.items()]


def _needed(name: str) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(what=name, seen="not installed", remedy=f"pip install {name}")
    return Finding(what=name, seen=version)


def _optional(name: str, purpose: str) -> Finding:
    names = _ONNX_RUNTIMES if name == "onnxruntime" else (name,)
    installed = [f"{_version(each)} ({each})" for each in names if _version(each)]
    if not installed:
        return Finding(what=name, seen=f"not installed; {purpose} needs it")
    return Finding(what=name, seen=", ".join(installed) if len(names) > 1 else str(_version(name)))


def _opencv() -> Finding:
    """OpenCV comes in variants that all are the module cv2: two of them overwrite each other."""
    installed = {name: _version(name) for name in _OPENCV if _version(name)}
    listed = ", ".join(f"{name} {version}" for name, version in installed.items())
    try:
        cv2 = importlib.import_module("cv2")
        works = hasattr(cv2, "resize")
        reason = "" if works else "cv2 is an empty shell"
    except (ImportError, AttributeError) as error:  # the latter where two variants are mixed
        works, reason = False, str(error).splitlines()[0]
    if not works:
        return Finding(
            what="opencv",
            seen=f"{listed or 'not installed'}; {reason}",
            remedy=f"pip uninstall {' '.join(installed)} && " * bool(installed)
            + "pip install -I opencv-python-headless",
        )
    if len(installed) > 1:
        return Finding(
            what="opencv",
            seen=f"{listed}: they overwrite each other; it works today",
            remedy="should it break: uninstall them all, then pip install opencv-python-headless",
            harmless=True,
        )
    return Finding(what="opencv", seen=listed or f"{cv2.__version__}, not from pip")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def devices() -> list[torch.device]:
    """List the devices that networks can run on, the CPU first."""
    found = [torch.device("cpu")]
    if torch.cuda.is_available():
        found += [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(torch.device("mps"))
    return found


def describe_devices() -> list[Finding]:
    """Say what each device is, and whether a GPU lies idle."""
    found = [
        Finding(
            what="cpu",
            seen=f"{processor_name()}, {_cores()}, {torch.get_num_threads()} threads, "
            f"{torch.backends.cpu.get_cpu_capability()}",
        )
    ]
    for device in devices()[1:]:
        if device.type != "cuda":
            found.append(Finding(what=str(device), seen="Apple's Metal"))
            continue
        free, total = torch.cuda.mem_get_info(device)
        major, minor = torch.cuda.get_device_capability(device)
        found.append(
            Finding(
                what=str(device),
                seen=f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}, "
                f"{free / 1e9:.1f} of {total / 1e9:.1f} GB free",
            )
        )
    return [*found, *_idle_gpu()]


def _cores() -> str:
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    count = (os.cpu_count() or 1) if usable is None else len(usable)
    real = count if usable is None else real_cores(usable)
    limit = cpu_limit()
    processors = "" if real == count else f" ({count} logical)"
    limited = "" if limit is None else f", limited to the time of {limit:g}"
    return f"{real} cores{processors}{limited}"


def describe_precision(*, again: bool = False) -> Finding:
    """Say in which precision this CPU is fastest; it is measured where nothing is remembered.

    Args:
        again: Measure even where something is.
    """
    found = measured_precision(again=again)
    if found is None:
        return Finding(
            what="precision of the cpu",
            seen=f"fp32; a measurement could not be kept in {memory_file()}",
            remedy="make its folder writable, or name a precision",
            harmless=True,
        )
    return Finding(what="precision of the cpu", seen=f"{found}; kept in {memory_file()}")


def _idle_gpu() -> Iterator[Finding]:
    if torch.cuda.is_available() or shutil.which("nvidia-smi") is None:
        return
    built = torch.version.cuda or torch.version.hip
    seen = f"its tools are here, but PyTorch {torch.__version__} does not see it"
    if built is None:
        remedy = "this PyTorch is built for CPUs; install the CUDA build (pytorch.org, Get Started)"
    else:
        remedy = (
            f"PyTorch is built for CUDA {built}: update the driver, or see CUDA_VISIBLE_DEVICES"
        )
    yield Finding(what="NVIDIA GPU", seen=seen, remedy=remedy)


def memory_and_disk() -> list[Finding]:
    """Say how much memory and disk is free."""
    found = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        free = _available_memory()
        seen = f"{total / 1e9:.1f} GB" + (f", {free / 1e9:.1f} GB of it free" if free else "")
        found.append(Finding(what="memory", seen=seen))
    places = {"here": Path.cwd(), "temporary files": Path(tempfile.gettempdir())}
    for what, place in places.items():
        free_disk = shutil.disk_usage(place).free
        short = free_disk < _ENOUGH_DISK
        found.append(
            Finding(
                what=f"disk, {what}",
                seen=f"{free_disk / 1e9:.1f} GB free in {place}",
                remedy="free some space, or set TMPDIR to another place" if short else None,
                harmless=True,
            )
        )
    return found


def _available_memory() -> int | None:
    """What programs could take without swapping, where Linux says it."""
    told = Path("/proc/meminfo")
    if not told.is_file():
        return None
    for line in told.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
