"""The client of a ComfyUI elsewhere, against a small server that answers as ComfyUI does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from magicpose_core.cli.__main__ import main

WORKFLOW = {
    "2": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "7": {"class_type": "MagicPose_Sample", "inputs": {"steps": 20, "seed": 1}},
}
VIDEO = bytes(range(256)) * 40


class Answers(BaseHTTPRequestHandler):
    """Two questions after queueing the job is done; a job of 0 steps is refused, of 999 fails."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        state = self.server.state
        if self.path == "/upload/image":
            state["uploaded"] = body
            self.reply({"name": "person (1).png", "subfolder": "", "type": "input"})
            return
        state["workflow"] = json.loads(body)["prompt"]
        state["questions"] = 0
        if state["workflow"]["7"]["inputs"]["steps"] == 0:
            fault = {"message": "Value 0 smaller than min of 1", "details": "steps"}
            errors = {"7": {"class_type": "MagicPose_Sample", "errors": [fault]}}
            self.reply({"error": {"message": "invalid"}, "node_errors": errors}, 400)
            return
        self.reply({"prompt_id": "ours"})

    def do_GET(self):
        state = self.server.state
        if self.path == "/queue":
            waiting = [[3, "another"], [5, "ours"]] if state["questions"] == 1 else []
            self.reply({"queue_running": [], "queue_pending": waiting})
        elif self.path == "/history/ours":
            state["questions"] += 1
            self.reply({"ours": self.entry()} if state["questions"] > 2 else {})
        else:
            assert self.path == "/view?filename=clip+%281%29.mp4&subfolder=video&type=output"
            self.send_response(200)
            self.send_header("Content-Length", str(len(VIDEO) + state.get("lost", 0)))
            self.end_headers()
            self.wfile.write(VIDEO)

    def entry(self):
        if self.server.state["workflow"]["7"]["inputs"]["steps"] == 999:
            fault = ["execution_error", {"exception_message": "out of memory\n"}]
            return {"status": {"status_str": "error", "messages": [fault]}, "outputs": {}}
        file = {"filename": "clip (1).mp4", "subfolder": "video", "type": "output"}
        preview = {"filename": "a.png", "subfolder": "", "type": "temp"}
        outputs = {"9": {"images": [file]}, "8": {"images": [preview]}}
        return {"status": {"status_str": "success", "messages": []}, "outputs": outputs}

    def reply(self, value, status=200):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr("magicpose_core.remote._SECONDS", 0.001)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.state = {"questions": 0}
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def words(tmp_path, server):
    (tmp_path / "workflow.json").write_text(json.dumps(WORKFLOW))
    address = f"http://127.0.0.1:{server.server_port}/"
    out = tmp_path / "clip.mp4"
    return ["remote", str(tmp_path / "workflow.json"), "--server", address, "--out", str(out)]


def test_a_file_goes_up_and_the_video_comes_back(words, server, tmp_path, capsys):
    picture = tmp_path / "person.png"
    picture.write_bytes(b"a picture")
    assert main([*words, "--upload", f"2.image={picture}", "--set", "7.steps=10"]) == 0
    assert (tmp_path / "clip.mp4").read_bytes() == VIDEO
    assert b"a picture" in server.state["uploaded"]
    assert server.state["workflow"]["2"]["inputs"]["image"] == "person (1).png"
    assert server.state["workflow"]["7"]["inputs"] == {"steps": 10, "seed": 1}
    assert capsys.readouterr().err.splitlines() == ["2 jobs before this one", "running"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "7.steps=0"], "MagicPose_Sample 7: Value 0 smaller than min of 1 (steps)"),
        (["--set", "7.steps=999"], "did not end well on the server: out of memory"),
        (["--set", "7.step=10"], "names no input of the workflow"),
        (["--upload", "2.image=gone.png"], "there is no file gone.png"),
        (["--server", "ftp://host"], "server is http://host:port"),
        (["--server", "http://127.0.0.1:9"], "no ComfyUI answers at http://127.0.0.1:9"),
        (["--server", "http://127.0.0.1:port"], "no ComfyUI answers at http://127.0.0.1:port"),
        (["--server", "http://[::1"], "no ComfyUI answers at http://[::1"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line_and_leaves_nothing(words, tmp_path, more, said, capsys):
    assert main([*words, *more]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "clip.mp4").exists()


def test_a_result_that_comes_in_part_is_told_and_not_kept(words, server, tmp_path, capsys):
    server.state["lost"] = 1
    assert main(words) == 1
    assert "broke off while it answered /view" in capsys.readouterr().err
    assert not (tmp_path / "clip.mp4").exists()


def test_nothing_is_replaced_unasked_and_no_input_ever(words, server, tmp_path, capsys):
    """All is checked before anything is sent."""
    (tmp_path / "clip.mp4").write_bytes(b"mine")
    (tmp_path / "person.png").write_bytes(b"a picture")
    upload = ["--upload", f"2.image={tmp_path / 'person.png'}"]
    assert main([*words, *upload]) == 2
    assert "clip.mp4 is there already; add --force to replace it" in capsys.readouterr().err
    for read in ("workflow.json", "person.png"):
        before = (tmp_path / read).read_bytes()
        assert main([*words, *upload, "--force", "--out", str(tmp_path / read)]) == 2
        assert f"{read} is an input and would be replaced" in capsys.readouterr().err
        assert (tmp_path / read).read_bytes() == before
    assert (tmp_path / "clip.mp4").read_bytes() == b"mine"
    assert "uploaded" not in server.state
    assert main([*words, "--force"]) == 0
    assert (tmp_path / "clip.mp4").read_bytes() == VIDEO
