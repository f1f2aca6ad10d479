"""``/magicpose``: the short address of the page for people without graphs (web/page)."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import quote

import server
from aiohttp import web

import nodes

_WEB = Path(__file__).parents[1] / "web"


def register_page_route() -> None:
    """Let the server answer ``/magicpose`` with the way to the page; it takes no input."""
    mimetypes.add_type("text/javascript", ".mjs")  # on Windows the registry may say otherwise
    running = getattr(server.PromptServer, "instance", None)
    if running is not None:  # None where nodes are loaded without a server
        running.routes.get("/magicpose")(_to_page)


async def _to_page(_: web.Request) -> web.Response:
    """Redirect relatively, so that a path prefix that a proxy has taken away comes back."""
    folder = next(
        (name for name, place in nodes.EXTENSION_WEB_DIRS.items() if _WEB.samefile(place)), None
    )
    if folder is None:
        return web.Response(status=404, text="MagicPose's web folder is not served")
    raise web.HTTPFound(f"extensions/{quote(folder)}/page/index.html")
