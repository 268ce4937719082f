"""Pictures on a server and in a bucket, which answer late, badly or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from landshift.batch import fetching
from landshift.batch.child import Child, Limits
from landshift.batch.fetching import fetch, file_name_of, is_remote, pictures_at_hand, version_of
from landshift.batch.night import BatchPlan, run_batch
from landshift.batch.site_list import read_site_list
from landshift.batch.site_work import SiteJob
from landshift.errors import ImageError
from landshift.settings import Settings

CONTENT = bytes(range(256)) * 40
NEWER = CONTENT[::-1]
HALF = f"bytes={len(CONTENT) // 2}-"


class Moody(BaseHTTPRequestHandler):
    """Serves ranges; fails as often as it was told to."""

    protocol_version = "HTTP/1.1"
    moods: ClassVar[list[str]] = []

    def do_HEAD(self):
        if self.path.endswith("signed.tif"):
            self.send_error(403)
        else:
            self.answer(200, 0)

    def do_GET(self):
        mood = self.moods.pop(0) if self.moods else "well"
        if mood.isdigit():
            self.send_response(int(mood))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        self.answer(206 if start else 200, start)
        body = CONTENT[start:]
        self.wfile.write(body[: len(body) // 2] if mood == "breaks" else body)
        self.close_connection = True

    def answer(self, status, start):
        self.send_response(status)
        if not self.path.endswith("nameless.tif"):
            self.send_header("ETag", '"one"')
        if status == 206:
            last = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()

    def log_message(self, *args):
        pass


class Replaced(BaseHTTPRequestHandler):
    """Breaks in the middle of one version of a picture; from then on there is another."""

    protocol_version = "HTTP/1.1"
    named: ClassVar[list[dict[str, str]]] = []
    heeds_if_range = True
    begins = 0
    """How far from where it was asked to a partial answer begins."""
    asked: ClassVar[list[tuple[str | None, str | None]]] = []

    def do_GET(self):
        whole, names = (NEWER, self.named[-1]) if self.asked else (CONTENT, self.named[0])
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        self.asked.append((wanted, condition))
        partly = wanted and (not self.heeds_if_range or condition in names.values())
        start = int(wanted[6:].split("-")[0]) + self.begins if partly else 0
        body = whole[start:]
        self.send_response(206 if partly else 200)
        for name, value in names.items():
            self.send_header(name, value)
        if partly:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if len(self.asked) > 1 else body[: len(body) // 2])
        self.close_connection = True

    def log_message(self, *args):
        pass


class Endless(BaseHTTPRequestHandler):
    """Sends pieces and never says how many there are."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever reads has had enough
            for _ in range(40):
                self.wfile.write(b"100\r\n" + bytes(256) + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(handler):
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/20240529.tif"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(fetching, "_PAUSE_S", 0.01)
    monkeypatch.setattr(fetching, "_TIMEOUT_S", 5.0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(Moody, "moods", [])
    with serving(Moody) as address:
        yield address


@pytest.mark.parametrize("moods", [[], ["503", "429"], ["breaks"], ["breaks", "502", "breaks"],
                                   ["breaks", "416"]])  # fmt: skip
def test_a_picture_is_had_in_the_end(moods, server, tmp_path):
    Moody.moods[:] = moods
    fetch(server, tmp_path / "p.tif")
    assert (tmp_path / "p.tif").read_bytes() == CONTENT


_DAYS = ("Wed, 29 May 2024 01:00:00 GMT", "Thu, 30 May 2024 01:00:00 GMT")


@pytest.mark.parametrize(
    ("named", "heeds", "begins", "asked"),
    [
        # what the server has is another: it says so itself, or in what it names the part
        ([{"ETag": '"one"'}, {"ETag": '"two"'}], True, 0, [(HALF, '"one"')]),
        ([{"ETag": '"one"'}, {"ETag": '"two"'}], False, 0, [(HALF, '"one"'), (None, None)]),
        ([{"Last-Modified": day} for day in _DAYS], True, 0, [(HALF, _DAYS[0])]),
        ([{"Last-Modified": day} for day in _DAYS], False, 0, [(HALF, _DAYS[0]), (None, None)]),
        # nothing that would tell: asked for whole
        ([{}], False, 0, [(None, None)]),
        ([{"ETag": 'W/"one"'}], False, 0, [(None, None)]),
        # a part, but not the one that was asked for
        ([{"ETag": '"one"'}], True, 7, [(HALF, '"one"'), (None, None)]),
    ],
)
def test_two_versions_are_never_joined(named, heeds, begins, asked, tmp_path, monkeypatch):
    for name, value in (("named", named), ("heeds_if_range", heeds), ("begins", begins),
                        ("asked", [])):  # fmt: skip
        monkeypatch.setattr(Replaced, name, value)
    with serving(Replaced) as address:
        fetch(address, tmp_path / "p.tif")
    assert (tmp_path / "p.tif").read_bytes() == NEWER
    assert Replaced.asked == [(None, None), *asked]


def test_a_file_of_an_earlier_call_is_not_gone_on_with(server, tmp_path):
    (tmp_path / "p.tif").write_bytes(b"of who knows what")
    fetch(server, tmp_path / "p.tif")
    assert (tmp_path / "p.tif").read_bytes() == CONTENT


@pytest.mark.parametrize("handler", [Endless, Moody])
def test_what_is_too_large_is_not_kept(handler, tmp_path, monkeypatch):
    monkeypatch.setattr(Moody, "moods", ["breaks"])
    monkeypatch.setattr(fetching, "_MOST_BYTES", 5000)
    monkeypatch.setattr(fetching, "_PIECE", 1000)
    with serving(handler) as address, pytest.raises(ImageError, match=r"allowed are 5000$"):
        fetch(address, tmp_path / "p.tif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("moods", "why"),
    [(["404"], "tried once: HTTP 404"), (["403"], "tried once: HTTP 403"),
     (["503"] * 4, "tried 4 times: HTTP 503"), (["breaks"] * 4, "tried 4 times: the connection")],
)  # fmt: skip
def test_what_cannot_be_had_is_one_clear_line(moods, why, server, tmp_path):
    Moody.moods[:] = moods
    with pytest.raises(ImageError, match=why):
        fetch(server, tmp_path / "p.tif")


def test_nobody_there(tmp_path):
    with pytest.raises(ImageError, match="tried 4 times"):
        fetch("http://127.0.0.1:9/a.tif", tmp_path / "a.tif")
    assert version_of("http://127.0.0.1:9/a.tif") is None


def test_a_version_is_asked_for_by_reading_where_headers_are_refused(server):
    address = server.replace("20240529", "signed")
    assert version_of(address) == version_of(address) == f'"one"  {len(CONTENT)}'


def test_what_names_no_version_is_never_taken_for_the_same(server):
    address = server.replace("20240529", "nameless")
    assert version_of(address) != version_of(address)


def test_a_listed_address_becomes_a_file_of_its_name(server, tmp_path):
    (tmp_path / "sites.csv").write_text(f"id,before,after\nky,{server},/vsicurl/{server}\n")
    (listed,) = read_site_list(tmp_path / "sites.csv").sites
    assert listed.problem == ""
    assert version_of(listed.before) == f'"one"  {len(CONTENT)}'
    with pictures_at_hand(listed) as site:
        assert site.before.path.name == "20240529.tif"
        assert site.after.path.read_bytes() == CONTENT
    assert not site.before.path.exists()


def test_a_listed_address_may_be_a_mask(server, tmp_path):
    head = "id,before,after,before_mask,after_mask\n"
    (tmp_path / "a.tif").write_bytes(CONTENT)
    (tmp_path / "sites.csv").write_text(f"{head}ky,a.tif,{server},scl:{server},seen:a.tif\n")
    (listed,) = read_site_list(tmp_path / "sites.csv").sites
    assert (listed.problem, listed.before_mask) == ("", server)
    with pictures_at_hand(listed) as site:
        mask = site.before.mask
        assert (mask.kind, mask.path.read_bytes()) == ("scl", CONTENT)
        assert site.before.path == site.after.mask.path == tmp_path / "a.tif"
    assert not mask.path.exists()


def test_a_worker_that_is_ended_leaves_nothing_that_it_fetched(server, tmp_path, monkeypatch):
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "sites.csv").write_text(f"id,before,after,fault\nky,{server},{server},hang\n")
    (listed,) = read_site_list(tmp_path / "sites.csv").sites
    job = SiteJob("key", listed, "open", Settings(), tmp_path / "ky", (),
                  "site_folders:compare_made")  # fmt: skip
    child = Child(Limits(timeout_s=4.0))
    assert child.answer(job).kind == "timeout"
    assert list((tmp_path / "scratch").iterdir()) == []
    child.close()


def test_pictures_at_hand_need_no_room(tmp_path, monkeypatch):
    (tmp_path / "sites.csv").write_text("id,before,after\nky,a.tif,b.tif\n")
    for name in ("a.tif", "b.tif"):
        (tmp_path / name).write_bytes(CONTENT)
    (listed,) = read_site_list(tmp_path / "sites.csv").sites
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    with pictures_at_hand(listed) as site:
        assert site.before.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "address", ["https://host/", "https://host/..", "https://host/a%5Cb", "/vsicurl/file:///etc/x"]
)
def test_an_address_without_a_file_is_refused(address):
    assert is_remote(address)
    with pytest.raises(ImageError):
        file_name_of(address)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning",
                            "ignore::pytest.PytestUnraisableExceptionWarning")  # fmt: skip
def test_a_bucket_is_read(tmp_path, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    standin = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    standin.start()
    try:
        host, port = standin.get_host_and_port()
        told = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(fetching, "_PAUSE_S", 0.0)
        client = boto3.client("s3")
        client.create_bucket(Bucket="pictures")
        client.put_object(Bucket="pictures", Key="a/b.tif", Body=CONTENT)
        for number, address in enumerate(("s3://pictures/a/b.tif", "/vsis3/pictures/a/b.tif")):
            fetch(address, tmp_path / str(number))
            assert (tmp_path / str(number)).read_bytes() == CONTENT
            assert version_of(address).endswith(str(len(CONTENT)))
        with pytest.raises(ImageError, match=r"s3://pictures/none.tif: could not be fetched"):
            fetch("s3://pictures/none.tif", tmp_path / "none")
    finally:
        standin.stop()


def test_an_error_shows_no_signature(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_TRIES", 1)
    address = f"http://127.0.0.1:9/{'a' * 300}.tif?X-Amz-Signature=secret"
    with pytest.raises(fetching.FetchError, match=r"a\?…: could not be fetched") as refused:
        fetch(address, tmp_path / "a.tif")
    assert "secret" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_nothing_that_a_batch_writes_shows_a_signature_or_where_pictures_were_kept(
    server, tmp_path, monkeypatch
):
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    Moody.moods[:] = ["well"] * 3 + ["404"]
    signed = f"{server}?X-Amz-Signature=secret"
    (tmp_path / "sites.csv").write_text(
        "id,before,after,before_mask,fault\n"
        f"ok,{signed},{signed},seen:{signed},\ngone,{signed},{signed},,\n"
        f"bad,{signed},{signed},,unreadable\n"
    )
    plan = BatchPlan(read_site_list(tmp_path / "sites.csv"), tmp_path / "o", "open", Settings(), 1,
                     Limits(), compare="site_folders:compare_made")  # fmt: skip
    found = {one.listed.id: one.outcome for one in run_batch(plan)}
    assert found["gone"].reason.startswith(f"{server}?…: could not be fetched, tried once: HTTP")
    assert found["bad"].reason == f"{server}: damaged or cut short: block 3"
    told = json.loads((tmp_path / "o" / "sites" / "ok" / "report.json").read_text("utf-8"))
    assert told["before"]["path"] == told["after"]["path"] == server
    files = [path for path in (tmp_path / "o").rglob("*") if path.is_file()]
    assert len(files) > 8
    assert not [path for path in files if b"secret" in path.read_bytes()]
    assert [one.carried for one in run_batch(plan) if one.listed.id != "gone"] == [True, True]
