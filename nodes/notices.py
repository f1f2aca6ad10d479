"""Words on the node that is running: a user of a graph does not read the server's log."""

from __future__ import annotations

import logging

import server
from comfy_execution.utils import get_executing_context

logger = logging.getLogger("magicpose")


def show(text: str) -> None:
    """Show a text on the node that is running, to the client that queued it."""
    running = get_executing_context()
    if running is None:  # called from Python, not from a queue
        return
    prompts = server.PromptServer.instance
    prompts.send_progress_text(text, running.node_id, prompts.client_id)


def warn(message: str, *values: object) -> None:
    """Log a warning (in logging's own %-style) and show it on the node that is running."""
    logger.warning(message, *values)
    show(message % values if values else message)
