"""A ComfyUI server of its own: temporary folders, made-up models, this pack as the only one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .comfyui import PACK, python_of

_PATIENCE = 600  # seconds until it is up; on a busy machine that takes minutes


@dataclass(frozen=True)
class Server:
    """A running ComfyUI.

    Attributes:
        url: Where it listens.
        base: Its folder with models, input and output.
        log: What it wrote.
        process: Its number.
    """

    url: str
    base: Path
    log: Path
    process: int

    def resident_memory(self) -> int:
        """Bytes of memory that it occupies (Linux)."""
        status = Path(f"/proc/{self.process}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def get(self, path: str) -> object:
        """GET a JSON answer."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, value: object) -> tuple[int, object]:
        """POST a JSON value; returns the status and the answer."""
        request = urllib.request.Request(
            self.url + path, json.dumps(value).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def run(self, prompt: dict[str, object], seconds: float = 300) -> dict[str, object]:
        """Queue a prompt and wait for its entry in the history."""
        status, answer = self.post("/prompt", {"prompt": prompt})
        assert status == 200, answer
        return self.wait(answer["prompt_id"], seconds)

    def wait(self, prompt_id: str, seconds: float = 300) -> dict[str, object]:
        """Wait until a queued prompt has ended, well or not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            history = self.get(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.1)
        raise TimeoutError(f"the prompt did not end within {seconds} s")


@contextlib.contextmanager
def start_server(comfyui: Path, base: Path, *arguments: str) -> Iterator[Server]:
    """Start ComfyUI on a free port with ``base`` as its folder, and end it afterwards."""
    for folder in ("models", "input", "output", "temp", "user", "custom_nodes"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    link = base / "custom_nodes" / "ComfyUI-MagicPose"
    if not link.exists():
        link.symlink_to(PACK, target_is_directory=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = base / "server.log"
    command = [python_of(comfyui), "main.py", "--cpu", "--listen", "127.0.0.1"]
    command += ["--port", str(port), "--base-directory", base, "--disable-api-nodes", *arguments]
    with log.open("w") as sink:
        process = subprocess.Popen(
            command,
            cwd=comfyui,
            stdout=sink,
            stderr=subprocess.STDOUT,
            # no detector is ready, whatever environments of MediaPipe there are
            env={**os.environ, "OMP_NUM_THREADS": "1", "MAGICPOSE_POSE_PYTHON": str(base / "none")},
        )
        server = Server(f"http://127.0.0.1:{port}", base, log, process.pid)
        try:
            _wait_until_up(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_until_up(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            server.get("/system_stats")
            return
        time.sleep(0.2)
    raise RuntimeError(f"ComfyUI did not come up:\n{server.log.read_text()[-3000:]}")
