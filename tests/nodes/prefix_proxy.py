"""A reverse proxy that serves a ComfyUI below a path, as people put it behind nginx."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

from aiohttp import ClientSession, WSMsgType, web

_HOP = {"Transfer-Encoding", "Content-Length", "Content-Encoding", "Connection"}


@contextlib.contextmanager
def prefixed(url: str, prefix: str) -> Iterator[str]:
    """Serve ``url`` below ``/prefix`` on a free port; yields the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(_start(url, prefix, port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/{prefix}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _start(url: str, prefix: str, port: int) -> web.AppRunner:
    app = web.Application(client_max_size=2**28)

    async def session(_: web.Application):
        app["session"] = ClientSession(auto_decompress=False)
        yield
        await app["session"].close()

    async def handle(request: web.Request) -> web.StreamResponse:
        target = f"{url}/{request.match_info['path']}"
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await _pass_socket(app["session"], target, request)
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        headers.pop("Origin", None)  # whose host is the proxy's
        async with app["session"].request(
            request.method,
            target,
            params=request.query,
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name not in _HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    app.cleanup_ctx.append(session)
    app.router.add_route("*", f"/{prefix}/{{path:.*}}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def _pass_socket(
    session: ClientSession, target: str, request: web.Request
) -> web.WebSocketResponse:
    here = web.WebSocketResponse(max_msg_size=0)
    await here.prepare(request)
    async with session.ws_connect(target, params=request.query, max_msg_size=0) as there:

        async def pump(source, sink) -> None:
            async for message in source:
                if message.type == WSMsgType.TEXT:
                    await sink.send_str(message.data)
                elif message.type == WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
            await sink.close()

        await asyncio.gather(pump(here, there), pump(there, here))
    return here
