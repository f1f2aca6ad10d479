"""The short address of the page, and what strangers may not do at its server."""

from __future__ import annotations

import http.client
import urllib.parse
import urllib.request
import uuid

import pytest

from .comfyui import version_of
from .conftest import COMFYUI

NEWER = tuple(map(int, version_of(COMFYUI).split("."))) >= (0, 20)


def ask(server, method, path, body=None, **headers):
    """Send a request as a browser would; returns status, headers and body."""
    host = urllib.parse.urlsplit(server.url).netloc
    connection = http.client.HTTPConnection(host, timeout=120)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def uploaded(name, content=b"x", subfolder="magicpose"):
    """A form as the page sends it: its body and its type."""
    boundary = uuid.uuid4().hex
    parts = [
        f'Content-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()
        + content,
        f'Content-Disposition: form-data; name="subfolder"\r\n\r\n{subfolder}'.encode(),
    ]
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def files(server):
    return sorted(path for path in server.base.rglob("*") if "user" not in path.parts)


def test_the_short_address_leads_to_the_page_below_any_path(small_server):
    status, headers, _ = ask(small_server, "GET", "/magicpose")
    assert status == 302
    assert headers["Location"] == "extensions/ComfyUI-MagicPose/page/index.html"
    with urllib.request.urlopen(f"{small_server.url}/magicpose", timeout=60) as answer:
        assert b"page.mjs" in answer.read()
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_graph_editor_imports_none_of_its_modules(small_server):
    listed = small_server.get("/extensions")
    assert listed
    assert not [path for path in listed if "MagicPose" in path]


def test_modules_are_served_as_such(small_server):
    _, headers, _ = ask(small_server, "GET", "/extensions/ComfyUI-MagicPose/page/page.mjs")
    assert headers["Content-Type"].partition(";")[0] in (
        "text/javascript",
        "application/javascript",
    )


@pytest.mark.parametrize("path", ["/prompt", "/upload/image", "/queue", "/interrupt"])
def test_another_origin_is_refused_and_leaves_nothing(small_server, path):
    before = files(small_server)
    body, kind = uploaded("foreign.png")
    status, _, _ = ask(
        small_server, "POST", path, body, Origin="http://elsewhere.example", Content_Type=kind
    )
    assert status == 403
    assert files(small_server) == before


@pytest.mark.parametrize("path", ["/api/prompt", "/api/upload/image", "/magicpose"])
def test_a_request_from_another_site_is_refused(small_server, path):
    """Browsers name the origin of every cross-site POST; from 0.20 on GET is refused too."""
    before = files(small_server)
    method = "GET" if path == "/magicpose" else "POST"
    headers = {"Sec_Fetch_Site": "cross-site"}
    if method == "POST":
        headers["Origin"] = "http://elsewhere.example"
    status, _, _ = ask(small_server, method, path, b"", **headers)
    assert status == (403 if NEWER or method == "POST" else 302)
    assert files(small_server) == before


@pytest.mark.parametrize(
    ("name", "subfolder"),
    [("../out.png", "magicpose"), ("out.png", "../../out"), ("../../custom_nodes/x.py", "")],
)
def test_names_that_lead_out_of_the_input_folder_are_refused(small_server, name, subfolder):
    before = files(small_server)
    body, kind = uploaded(name, subfolder=subfolder)
    status, _, _ = ask(small_server, "POST", "/upload/image", body, Content_Type=kind)
    inside = small_server.base / "input"
    new = [path for path in files(small_server) if path not in before]
    assert status == 400 or all(path.is_relative_to(inside) for path in new)
    assert not new or name == "../out.png"  # which is the input folder itself
    for path in new:
        if path.is_file():
            path.unlink()


@pytest.mark.parametrize("name", ["../x.json", "../../server.log", "/etc/hostname"])
def test_the_nodes_of_the_page_read_nothing_outside_the_input_folder(small_server, name):
    prompt = {
        "dance_poses": {
            "class_type": "MagicPose_LoadPoses",
            "inputs": {"file": name, "width": 0, "height": 0},
        },
        "fit": {
            "class_type": "MagicPose_PreviewPoses",
            "inputs": {"poses": ["dance_poses", 0], "fps": 8.0},
        },
    }
    status, answer = small_server.post("/prompt", {"prompt": prompt})
    assert status == 400
    assert "dance_poses" in answer["node_errors"]


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(small_server):
    before = files(small_server)
    body, kind = uploaded("large.mp4", bytes(101 * 2**20))
    try:
        status, _, _ = ask(small_server, "POST", "/upload/image", body, Content_Type=kind)
    except (BrokenPipeError, ConnectionResetError):  # it hangs up before all has come
        status = 413
    assert status == 413
    assert files(small_server) == before
