"""``magicpose remote``: run a workflow on a ComfyUI elsewhere and fetch its video."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import FilePlan, paths, regular_file
from .options import add_force_option, check_files
from .terminal import complain, say


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "remote",
        help="run a workflow on a ComfyUI elsewhere and fetch its video",
        description="Run a workflow in API form (the files in api/) on a ComfyUI that has this "
        "pack, and fetch what it saves last.",
    )
    parser.add_argument("workflow", type=Path, help="NAME.json in API form")
    parser.add_argument("--server", default="http://127.0.0.1:8188", help="address of ComfyUI")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="other values, 7.steps=10 for instance",
    )
    parser.add_argument(
        "--upload",
        nargs="+",
        default=[],
        metavar="NODE.INPUT=FILE",
        help="own files, 2.image=person.png for instance",
    )
    parser.add_argument("--out", required=True, type=Path, help="NAME.mp4")
    add_force_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Upload, queue, wait, fetch."""
    from ..remote import fetch, run_workflow, upload

    workflow = _read_workflow(arguments.workflow)
    for words in arguments.set:
        node, name, value = _split(words, workflow)
        workflow[node]["inputs"][name] = _value(value)
    uploads = [_split(words, workflow) for words in arguments.upload]
    files = [Path(value) for _, _, value in uploads]
    for words, file in zip(arguments.upload, files, strict=True):
        if not file.is_file():
            raise InputError(f"--upload {words}: there is no file {file}")
    check_files(
        FilePlan(
            reads=paths(arguments.workflow, files), files=(arguments.out,), force=arguments.force
        )
    )
    for (node, name, _), file in zip(uploads, files, strict=True):
        workflow[node]["inputs"][name] = upload(arguments.server, file)
    told: list[int] = []

    def on_wait(ahead: int) -> None:
        if told[-1:] != [ahead]:
            told.append(ahead)
            complain(f"{ahead} jobs before this one" if ahead else "running")

    results = run_workflow(arguments.server, workflow, on_wait)
    if not results:
        raise InputError(f"{arguments.workflow} saves nothing; add a Save Video node")
    say(str(fetch(arguments.server, results[-1], arguments.out)))
    return 0


def _read_workflow(path: Path) -> dict[str, dict[str, Any]]:
    try:
        workflow = json.loads(regular_file(path).read_text(encoding="utf-8"))
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no workflow in API form: {error}") from error
    if not isinstance(workflow, dict) or not all(map(_is_node, workflow.values())):
        raise InputError(
            f"{path} is no workflow in API form, whose nodes have a class_type and inputs; save it "
            "with Export (API)"
        )
    return workflow


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)


def _split(words: str, workflow: object) -> tuple[str, str, str]:
    """Take NODE.INPUT=VALUE apart."""
    place, equals, value = words.partition("=")
    node, _, name = place.partition(".")
    known = workflow.get(node) if isinstance(workflow, dict) else None
    if not equals or not isinstance(known, dict) or name not in known.get("inputs", {}):
        raise InputError(f"{words} names no input of the workflow; write NODE.INPUT=VALUE")
    return node, name, value


def _value(text: str) -> object:
    """Read numbers, true and false as such, anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
