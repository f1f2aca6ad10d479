"""Run the tests of the nodes in every ComfyUI there is, each in a process of its own Python.

    python tests/nodes/run.py [--part] [--require 0.8.0,0.27.0,browser] [arguments of pytest]

``--part`` leaves out what takes long and has a quicker one of its kind (marked ``thorough``).
Without a ComfyUI it says so and succeeds, unless it is required. With one, a skipped test is a
failure. Where there are a Chromium and npm too, the tests of the page run; they fetch the driver
once, beside their script.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from browser import DRIVER_FOLDERS, PACKAGES, PAGE, find_chromium, why_no_browser
from comfyui import PACK, find_comfyuis, python_of, version_of
from evolved import EVOLVED, find_pack, why_no_evolved


def main() -> int:
    """Run them and report; 1 where a test failed or something required is absent."""
    arguments, pytest_arguments = parse(sys.argv[1:])
    fetch_driver()
    comfyuis = find_comfyuis()
    failed = False
    lines = []
    for comfyui in comfyuis:
        summary, ok = run_tests(comfyui, pytest_arguments, part=arguments.part)
        lines.append(f"ComfyUI {version_of(comfyui)} ({comfyui}): {summary}")
        failed |= not ok
    absent = why_no_browser()
    lines.append(f"tests of the page: {absent or 'run in ' + find_chromium()}")
    evolved = why_no_evolved(comfyuis) or f"run with {find_pack(EVOLVED, comfyuis)}"
    lines.append(f"tests with AnimateDiff-Evolved: {evolved}")
    if not comfyuis:
        lines.append("no ComfyUI found; set COMFYUI_DIR, or install it with comfy-cli")
    have = {version_of(comfyui) for comfyui in comfyuis} | (set() if absent else {"browser"})
    missing = [name for name in arguments.require if name not in have]
    if missing:
        lines.append(f"required and absent: {', '.join(missing)}")
    for line in lines:
        sys.stdout.write(f"tests/nodes: {line}\n")
    return int(failed or bool(missing))


def parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Take out what is ours; the rest is for pytest."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--part", action="store_true", help="leave out what takes long")
    parser.add_argument(
        "--require",
        type=lambda names: names.split(","),
        default=[],
        help="versions of ComfyUI, and browser, whose absence is a failure",
    )
    return parser.parse_known_args(words)


def fetch_driver() -> None:
    """Install the browser's driver where it lacks; without it the page's tests are left out."""
    there = all(folder.is_dir() for folder in DRIVER_FOLDERS)
    if find_chromium() is None or shutil.which("npm") is None or there:
        return
    flags = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error")
    command = ["npm", "install", *flags, "--prefix", str(PAGE), *PACKAGES]
    if subprocess.run(command, check=False).returncode:
        sys.stdout.write(f"tests/nodes: {' and '.join(PACKAGES)} could not be installed\n")


def run_tests(comfyui: Path, pytest_arguments: list[str], *, part: bool) -> tuple[str, bool]:
    """Run them in one ComfyUI; returns their numbers in words, and whether all passed."""
    named = any(Path(argument.split("::")[0]).exists() for argument in pytest_arguments)
    tests = [] if named else [Path(__file__).parent]
    choice = ["-m", "not gpu and not thorough"] if part else []
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [python_of(comfyui), "-m", "pytest", f"--junitxml={report}", *choice]
        code = subprocess.run(
            [*command, *tests, *pytest_arguments],
            cwd=PACK,
            env={
                "OMP_NUM_THREADS": "1",
                **os.environ,
                "COMFYUI_DIR": str(comfyui),
                "MAGICPOSE_NO_SKIPS": "1",
            },
            check=False,
        ).returncode
        return numbers(report), code == 0


def numbers(report: Path) -> str:
    """Read the numbers of tests out of pytest's report."""
    if not report.exists():
        return "no test ran"
    suite = ElementTree.parse(report).getroot().find("testsuite")
    count = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    bad = count["failures"] + count["errors"]
    return f"{count['tests']} tests, {bad} failed, {count['skipped']} skipped"


if __name__ == "__main__":
    sys.exit(main())
