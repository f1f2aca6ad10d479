"""Run a workflow on a ComfyUI elsewhere: upload, queue, wait, fetch; with the standard library.

The workflow is in API form, as the files in ``api/`` are: node number -> class and inputs.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .errors import InputError, RunError
from .files import atomic_path

Workflow: TypeAlias = dict[str, dict[str, Any]]
OnWait: TypeAlias = Callable[[int], None]
"""Called with the number of jobs ahead; 0 while ours runs."""

_SECONDS = 0.5  # between two questions
_TIMEOUT = 60.0


def upload(server: str, file: Path) -> str:
    """Send a picture, video or pose file to the server's input folder; returns its name there.

    Raises:
        InputError: The server does not take it.
        RunError: The server does not answer.
    """
    boundary = uuid.uuid4().hex
    name = urllib.parse.quote(file.name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    answer = _ask(server, "/upload/image", body, kind)
    return str(answer["name"])


def run_workflow(server: str, workflow: Workflow, on_wait: OnWait | None = None) -> list[str]:
    """Queue a workflow and wait until it has ended.

    Args:
        server: Address of a ComfyUI, ``http://host:8188``.
        workflow: In API form.
        on_wait: Told how long the queue before it is.

    Returns:
        The paths, below ``server``, of the files that it saved.

    Raises:
        InputError: The server refuses the workflow; says which input of which node is wrong.
        RunError: It failed there, was cancelled, or the server does not answer.
    """
    ours = str(_ask(server, "/prompt", json.dumps({"prompt": workflow}).encode())["prompt_id"])
    while True:
        history = _ask(server, f"/history/{ours}")
        if ours in history:
            return _results(history[ours])
        queue = _ask(server, "/queue")
        pending = sorted(job[:2] for job in queue["queue_pending"])
        ahead = next((place for place, job in enumerate(pending, 1) if job[1] == ours), 0)
        if on_wait is not None:
            on_wait(ahead)
        time.sleep(_SECONDS)


def fetch(server: str, path: str, out: Path) -> Path:
    """Fetch a result into a file, whole or not at all.

    Raises:
        RunError: The server does not answer.
        OutputError: The file cannot be written.
    """
    content = _read(server, path)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)
    return out


def _results(entry: Mapping[str, Any]) -> list[str]:
    if entry["status"]["status_str"] != "success":
        said = [message[1] for message in entry["status"]["messages"] if "error" in message[0]]
        reason = said[-1].get("exception_message", "").strip() if said else "it was cancelled"
        raise RunError(f"the workflow did not end well on the server: {reason}")
    files = [
        file
        for output in entry["outputs"].values()
        for kind in ("images", "gifs", "video")
        for file in output.get(kind, ())
        if isinstance(file, dict) and file.get("type") == "output"
    ]
    keys = ("filename", "subfolder", "type")
    return [f"/view?{urllib.parse.urlencode({key: file[key] for key in keys})}" for file in files]


def _ask(
    server: str, path: str, body: bytes | None = None, kind: str = "application/json"
) -> dict[str, Any]:
    content = _read(server, path, body, kind)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RunError(f"{server} does not answer {path} as ComfyUI does: {error}") from error
    if not isinstance(value, dict):
        raise RunError(f"{server} does not answer {path} as ComfyUI does")
    return value


def _read(server: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
    if not server.startswith(("http://", "https://")):
        raise InputError(f"server is http://host:port or https://..., got {server}")
    headers = {"Content-Type": kind} if kind else {}
    try:
        request = urllib.request.Request(server.rstrip("/") + path, body, headers)
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise InputError(f"{server} refuses {path}: {_reason(error)}") from error
    except http.client.IncompleteRead as error:
        raise RunError(f"{server} broke off while it answered {path}; try again") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RunError(f"no ComfyUI answers at {server}: {error}") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """Put ComfyUI's answer to a wrong workflow into a line."""
    text = error.read().decode(errors="replace")
    try:
        answer = json.loads(text)
        said = [
            f"{node['class_type']} {number}: {fault['message']} ({fault['details']})"
            for number, node in answer.get("node_errors", {}).items()
            for fault in node["errors"]
        ]
        return "; ".join(said) or str(answer["error"]["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{error.code} {text[:200]}"
