"""Servers that lie, stop, stall or exchange a file: the right number or a line, no wrong number and no endless wait.

The limits of time are small here; no test depends on how fast the machine is, since a server that stalls says nothing
until the test is over.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import save
from inspected import inspected
from web_servers import serving

from bnstat.sources import patience, remote
from bnstat.sources.patience import Patience

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

# A server that says nothing is given up after some tenths of a second; one that is slow has a minute.
QUICK = Patience(connect_s=10, silence_s=0.3, window_s=60, tries=3, pause_s=0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Servers are given up soon, and blocks are small, so that a volume takes several requests."""
    monkeypatch.setattr(patience, "PATIENCE", QUICK)
    monkeypatch.setattr(remote, "_silent", set())
    monkeypatch.setattr(remote, "HEADER_BYTES", 1 << 10)
    monkeypatch.setattr(remote, "VOXEL_BYTES", 1 << 12)


@pytest.fixture(params=["x.nii", "x.nii.gz"])
def volume(request, tmp_path):
    """A volume of some blocks: its name, its bytes, and its mean."""
    values = np.random.default_rng(3).integers(0, 2000, size=(24, 20, 20)).astype(np.int16)
    data = Path(save(tmp_path / request.param, values)).read_bytes()
    return request.param, data, float(values.mean(dtype=float))


def outcome(url):
    """Return the mean of a file, or the message of the error."""
    report = inspected(url)
    if report.errors:
        (found,) = report.errors
        assert found.source == url
        assert "\n" not in found.message
        return found.message
    return report.batches[0].parts[0].mean


def right_or_said(url, mean):
    found = outcome(url)
    assert isinstance(found, str) or found == pytest.approx(mean, rel=1e-12)
    return found


def test_a_server_that_answers_what_was_asked_is_read_in_ranges(volume):
    name, data, mean = volume
    with serving(lambda request: request.send_range(data, ETag='"1"')) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)
    assert max(start for _, start, _ in server.requests) > 0


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        ({"start": 2}, "its server sent the bytes from"),
        ({"start": -2}, "its server sent the bytes from"),
        ({"end": 2}, "contradicts"),
        ({"end": -2}, "contradicts"),
        ({"size": 2}, "changed"),
        ({"size": -2}, "changed"),
    ],
    ids=str,
)
def test_an_answer_with_another_range_than_was_asked_for_is_a_line(volume, shift, said):
    name, data, _ = volume

    def answer(request):
        if not request.start:
            request.send_range(data)
            return
        start = request.start + shift.get("start", 0)
        part = data[start : start + min(request.last + 1, len(data)) - request.start]
        end = start + len(part) + shift.get("end", 0)
        size = len(data) + shift.get("size", 0)
        request.send(206, {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": len(part)}, part)

    with serving(answer) as server:
        message = outcome(f"{server.url}/{name}")
    assert isinstance(message, str)
    assert said in message


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes 5-2/9", "items 0-9/10", "bytes */100", "bytes 0-\u0663/9"]
)
def test_a_part_that_does_not_say_which_part_it_is_is_a_line(volume, header):
    name, data, _ = volume

    def answer(request):
        part = data[request.start : request.last + 1]
        headers = {"Content-Length": len(part)}
        request.send(
            206, headers if header is None else {**headers, "Content-Range": header.encode().decode("latin-1")}, part
        )

    with serving(answer) as server:
        assert isinstance(outcome(f"{server.url}/{name}"), str)


def test_a_shorter_range_than_asked_for_is_used_and_the_rest_is_asked_for(volume):
    name, data, mean = volume

    def answer(request):
        last = min(request.start + 700, request.last)
        part = data[request.start : last + 1]
        place = f"bytes {request.start}-{request.start + len(part) - 1}/{len(data)}"
        request.send(206, {"Content-Range": place, "Content-Length": len(part)}, part)

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_file_whose_size_is_not_told_is_read_to_where_the_server_says_that_it_ends(volume):
    name, data, mean = volume

    def answer(request):
        part = data[request.start : request.last + 1]
        if not part:
            request.send(416, {"Content-Length": 0})
            return
        place = f"bytes {request.start}-{request.start + len(part) - 1}/*"
        request.send(206, {"Content-Range": place, "Content-Length": len(part)}, part)

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("chunked", [False, True])
def test_the_whole_file_for_a_range_is_read_as_the_whole_file(volume, chunked):
    name, data, mean = volume

    def answer(request):
        if not chunked:
            request.send(200, {"Content-Length": len(data)}, data)
            return
        parts = [data[at : at + 999] for at in range(0, len(data), 999)] + [b""]
        body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
        request.send(200, {"Transfer-Encoding": "chunked"}, body)

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_the_whole_file_for_a_later_range_only_is_not_taken_for_the_range(volume):
    name, data, _ = volume

    def answer(request):
        if request.start:
            request.send(200, {"Content-Length": len(data)}, data)
        else:
            request.send_range(data)

    with serving(answer) as server:
        found = outcome(f"{server.url}/{name}")
    assert isinstance(found, str)
    assert "neither go on there" in found


def test_the_whole_file_for_a_later_range_is_read_on_if_its_version_is_known(volume):
    name, data, mean = volume

    def answer(request):
        if request.start:
            request.send(200, {"Content-Length": len(data), "ETag": '"1"'}, data)
        else:
            request.send_range(data, ETag='"1"')

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("by", [-100, 100])
def test_a_body_of_another_length_than_announced_gives_no_wrong_number(volume, by):
    name, data, mean = volume

    def answer(request):
        part = data[request.start : request.last + 1]
        place = f"bytes {request.start}-{request.start + len(part) - 1}/{len(data)}"
        body = part[:by] if by < 0 else part + bytes(by)
        request.send(206, {"Content-Range": place, "Connection": "close"}, body)
        request.handler.close_connection = True

    with serving(answer) as server:
        found = right_or_said(f"{server.url}/{name}", mean)
    assert by < 0 or "more bytes than it announced" in found


@pytest.mark.parametrize("changed", ["ETag", "Last-Modified", "size"])
def test_a_file_that_is_exchanged_between_two_requests_is_a_line(volume, changed):
    name, data, _ = volume

    def answer(request):
        late = (request.start or 0) > 0 or request.number > 2
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 05 Jan 2026 10:00:00 GMT"}
        if changed == "size":
            request.send_range(data + bytes(400 * late), **headers)
        else:
            headers[changed] = headers[changed].replace("1", "2") if late else headers[changed]
            request.send_range(data, **headers)

    with serving(answer) as server:
        assert "changed on its server while it was read" in outcome(f"{server.url}/{name}")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_the_server_compresses_on_the_way_has_its_numbers(volume, ranges):
    name, data, mean = volume
    packed = gzip.compress(data)

    def answer(request):
        if ranges:
            request.send_range(packed, Content_Encoding="gzip")
        else:
            request.send(200, {"Content-Length": len(packed), "Content-Encoding": "gzip"}, packed)

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_compressed_file_that_is_said_to_be_encoded_has_its_numbers(volume):
    name, data, mean = volume
    if not name.endswith(".gz"):
        pytest.skip("only of compressed files the header is often wrong")
    with serving(lambda request: request.send_range(data, Content_Encoding="x-gzip")) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_flipped_bit_in_what_the_server_compresses_is_a_line(volume):
    name, data, _ = volume
    packed = bytearray(gzip.compress(data, 0))
    packed[len(packed) // 2] ^= 16
    with serving(lambda request: request.send_range(bytes(packed), Content_Encoding="gzip")) as server:
        assert "damaged" in outcome(f"{server.url}/{name}")


def test_an_encoding_that_is_not_undone_is_a_line(volume):
    name, data, _ = volume
    with serving(lambda request: request.send_range(data, Content_Encoding="br")) as server:
        assert "encoding br" in outcome(f"{server.url}/{name}")


def test_a_list_that_the_server_compresses_is_read(tmp_path):
    data = Path(save(tmp_path / "x.nii", np.ones((2, 2, 2)))).read_bytes()
    listed = gzip.compress(json.dumps({"training": [{"image": "x.nii"}]}).encode())

    def answer(request):
        if request.path.endswith(".json"):
            request.send_range(listed, Content_Encoding="gzip")
        else:
            request.send_range(data)

    with serving(answer) as server:
        assert inspected(f"{server.url}/list.json").batches[0].parts[0].mean == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x.nii", "http://[", "gopher://x", ""])
def test_a_redirection_to_another_protocol_is_a_line(volume, target):
    name, _, _ = volume
    with serving(lambda request: request.send(302, {"Location": target, "Content-Length": 0})) as server:
        assert isinstance(outcome(f"{server.url}/{name}"), str)


def test_redirections_in_a_circle_are_a_line(volume):
    name, _, _ = volume
    with serving(lambda request: request.send(302, {"Location": request.path, "Content-Length": 0})) as server:
        assert isinstance(outcome(f"{server.url}/{name}"), str)


def test_a_redirection_to_another_host_is_followed_for_a_url_of_the_user(volume):
    name, data, mean = volume
    with (
        serving(lambda request: request.send_range(data)) as holder,
        serving(lambda request: request.send(302, {"Location": f"{holder.url}/{name}", "Content-Length": 0})) as server,
    ):
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("status", [400, 404, 401, 403, 410, 418])
def test_a_refusal_is_a_line_and_asked_for_once(volume, status):
    name, _, _ = volume
    with serving(lambda request: request.send(status, {"Content-Length": 0})) as server:
        assert isinstance(outcome(f"{server.url}/{name}"), str)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(volume, status):
    name, data, mean = volume

    def answer(request):
        if request.number % 2:
            request.send_range(data)
        else:
            request.send(status, {"Content-Length": 0, "Retry-After": 0})

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_server_that_stays_busy_is_a_line_with_its_answer(volume):
    name, _, _ = volume
    with serving(lambda request: request.send(503, {"Content-Length": 0})) as server:
        assert "503" in outcome(f"{server.url}/{name}")
    assert len(server.requests) == QUICK.tries


def test_connections_that_are_cut_half_way_go_on_where_they_ended(volume):
    name, data, mean = volume
    served = 0

    def answer(request):
        nonlocal served
        part = data[request.start : request.last + 1]
        place = f"bytes {request.start}-{request.start + len(part) - 1}/{len(data)}"
        headers = {"Content-Range": place, "Content-Length": len(part)}
        served += 1
        if served % 2:
            request.send(206, headers, part[: len(part) // 2])
            request.cut()
        else:
            request.send(206, headers, part)

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_whole_file_that_is_cut_half_way_is_asked_for_again_if_it_is_the_same(volume):
    name, data, mean = volume
    served = 0

    def answer(request):
        nonlocal served
        served += 1
        body = data if served % 2 == 0 else data[: len(data) // 3]
        request.send(200, {"Content-Length": len(data), "ETag": '"1"'}, body)
        if served % 2:
            request.cut()

    with serving(answer) as server:
        assert outcome(f"{server.url}/{name}") == pytest.approx(mean, rel=1e-12)


def test_a_connection_that_is_cut_at_every_try_is_a_line(volume):
    name, data, _ = volume

    def answer(request):
        if request.start:
            request.cut()
        else:
            request.send_range(data)

    with serving(answer) as server:
        message = outcome(f"{server.url}/{name}")
    assert "tried 3 times" in message


def stalling(kind, data):
    """Return a server that says nothing, stops half-way, or sends a byte now and then."""

    def answer(request):
        part = data[request.start or 0 : (request.last or 0) + 1]
        place = f"bytes {request.start}-{(request.start or 0) + len(part) - 1}/{len(data)}"
        headers = {"Content-Range": place, "Content-Length": len(part)}
        if kind == "headers":
            request.handler.wfile.write(b"HTTP/1.1 206 Partial")
            request.handler.wfile.flush()
        elif kind == "half":
            request.send(206, headers, part[: len(part) // 2])
        elif kind == "trickle":
            request.send(206, headers)
            for at in range(len(part)):
                request.handler.wfile.write(part[at : at + 1])
                request.handler.wfile.flush()
                if request.over.wait(0.05):
                    break
        request.wait()

    return answer


@pytest.mark.parametrize("kind", ["nothing", "headers", "half", "trickle"])
def test_a_server_that_stalls_is_given_up_with_a_line(volume, monkeypatch, kind):
    name, data, _ = volume
    monkeypatch.setattr(
        patience, "PATIENCE", Patience(silence_s=0.3, window_s=0.5, window_bytes=10_000, tries=2, pause_s=0.01)
    )
    with serving(stalling(kind, data)) as server:
        message = outcome(f"{server.url}/{name}")
    assert "tried 2 times" in message
    assert len(server.requests) >= 2


def test_a_port_that_takes_no_connection_is_given_up_with_a_line(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", Patience(connect_s=0.3, tries=2, pause_s=0.01))
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # connections beyond the queue get no answer
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        message = outcome(f"http://127.0.0.1:{full.getsockname()[1]}/x.nii")
        for one in held:
            one.close()
    assert "no connection to the server" in message


def test_a_server_that_is_slow_and_answers_is_read_to_the_end(tmp_path):
    data = Path(save(tmp_path / "x.nii", np.arange(64, dtype=np.int16).reshape(4, 4, 4))).read_bytes()

    def answer(request):
        part = data[request.start : request.last + 1]
        place = f"bytes {request.start}-{request.start + len(part) - 1}/{len(data)}"
        request.send(206, {"Content-Range": place, "Content-Length": len(part)})
        for at in range(0, len(part), 80):
            request.over.wait(0.1)
            request.handler.wfile.write(part[at : at + 80])
            request.handler.wfile.flush()

    with serving(answer) as server:
        started = time.monotonic()
        assert outcome(f"{server.url}/x.nii") == 31.5
        assert time.monotonic() - started > QUICK.silence_s


@pytest.mark.parametrize("kind", ["nothing", "half"])
def test_the_files_beside_one_whose_server_stalls_are_read(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(patience, "PATIENCE", Patience(silence_s=0.3, window_s=5, tries=2, pause_s=0.01))
    here = save(tmp_path / "x.nii", np.ones((4, 4, 4)))
    with serving(stalling(kind, Path(here).read_bytes())) as server:
        report = inspected([f"{server.url}/x.nii", here])
    assert [error.source for error in report.errors] == [f"{server.url}/x.nii"]
    assert [batch.parts[0].mean for batch in report.batches] == [1]


def test_a_server_that_was_given_up_is_tried_once_for_each_further_file_until_it_answers(tmp_path):
    data, silent = Path(save(tmp_path / "x.nii", np.ones((4, 4, 4)))).read_bytes(), True

    def answer(request):
        if silent:
            request.wait()
        else:
            request.send_range(data)

    with serving(answer) as server:
        assert f"tried {QUICK.tries} times" in outcome(f"{server.url}/0.nii")
        assert len(server.requests) == QUICK.tries
        assert "tried once more" in outcome(f"{server.url}/1.nii")
        assert len(server.requests) == QUICK.tries + 1
        silent = False
        assert outcome(f"{server.url}/2.nii") == 1
        silent = True
        assert f"tried {QUICK.tries} times" in outcome(f"{server.url}/3.nii")


def test_a_listing_that_stalls_is_given_up_with_a_line(monkeypatch):
    monkeypatch.setattr(patience, "PATIENCE", Patience(silence_s=0.3, window_s=5, tries=2, pause_s=0.01))
    with serving(stalling("nothing", b"")) as server:
        for url in (f"{server.url}/d/", f"{server.url}/d/*.nii", f"{server.url}/d/dataset.json"):
            (error,) = inspected(url).errors
            assert "no connection to the server" in error.message


@pytest.fixture
def bucket_of(monkeypatch, tmp_path):
    """Make a server the one of all buckets."""
    pytest.importorskip("s3fs")
    import fsspec

    def use(url):
        names = {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "us-east-1", "ENDPOINT_URL": url}
        for name, value in names.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        return "s3://b"

    yield use
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_bucket_whose_server_answers_what_was_asked_is_read(volume, bucket_of):
    name, data, mean = volume
    with serving(lambda request: request.send_range(data, ETag='"1"')) as server:
        assert outcome(f"{bucket_of(server.url)}/{name}") == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("shift", [{"start": 2}, {"end": 2}, {"size": 2}, {"size": -2}], ids=str)
def test_a_bucket_whose_server_answers_with_another_range_is_a_line(volume, bucket_of, shift):
    name, data, _ = volume

    def answer(request):
        start = request.start + shift.get("start", 0) * (request.start > 0)
        part = data[start : start + min(request.last + 1, len(data)) - request.start]
        end = start + len(part) + shift.get("end", 0) * (request.start > 0)
        size = len(data) + shift.get("size", 0) * (request.start > 0)
        request.send(206, {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": len(part)}, part)

    with serving(answer) as server:
        message = outcome(f"{bucket_of(server.url)}/{name}")
    assert isinstance(message, str)
    assert "its server" in message


@pytest.mark.parametrize("whole", [True, False])
def test_connections_to_a_bucket_that_are_cut_half_way_go_on_where_they_ended(volume, bucket_of, whole):
    name, data, mean = volume

    def answer(request):
        if whole:
            part, headers = data, {"Content-Length": len(data), "ETag": '"1"'}
        else:
            part = data[request.start : request.last + 1]
            place = f"bytes {request.start}-{request.start + len(part) - 1}/{len(data)}"
            headers = {"Content-Range": place, "Content-Length": len(part), "ETag": '"1"'}
        cut = request.number % 2 == 0
        request.send(200 if whole else 206, headers, part[: len(part) // 2] if cut else part)
        if cut:
            request.cut()

    with serving(answer) as server:
        assert outcome(f"{bucket_of(server.url)}/{name}") == pytest.approx(mean, rel=1e-12)


def test_an_object_that_is_exchanged_between_two_requests_is_a_line(volume, bucket_of):
    name, data, _ = volume

    def answer(request):
        request.send_range(data, ETag='"2"' if request.start else '"1"')

    with serving(answer) as server:
        assert "changed on its server while it was read" in outcome(f"{bucket_of(server.url)}/{name}")


@pytest.mark.parametrize("kind", ["nothing", "half", "trickle"])
def test_a_bucket_whose_server_stalls_is_given_up_with_a_line(volume, bucket_of, monkeypatch, kind):
    name, data, _ = volume
    monkeypatch.setattr(
        patience, "PATIENCE", Patience(silence_s=0.5, window_s=1, window_bytes=10_000, tries=2, pause_s=0.01)
    )
    with serving(stalling(kind, data)) as server:
        assert "no connection to the server" in outcome(f"{bucket_of(server.url)}/{name}")


@contextmanager
def no_server():
    """Yield the address of a port at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_server_without_a_connection_is_no_server_without_the_file():
    from bnstat import InputError

    with no_server() as url, pytest.raises(InputError, match="no connection"):
        remote.is_there(f"{url}/x.nii")


def test_a_file_of_the_same_size_that_was_changed_has_another_state():
    dates = ["Mon, 05 Jan 2026 10:00:00 GMT", "Mon, 05 Jan 2026 10:00:01 GMT"]
    with serving(lambda request: request.send_range(bytes(9), Last_Modified=dates[request.number])) as server:
        one, two = (remote.state_of(f"{server.url}/x.nii") for _ in range(2))
    assert one[0] == two[0] == 9
    assert two[1] - one[1] == 10**9


def test_a_request_ends_with_its_reader():
    gone = threading.Event()

    def answer(request):
        request.send(200, {"Content-Length": 1 << 30})
        try:
            while not request.over.is_set():
                request.handler.wfile.write(bytes(1 << 16))
        except OSError:
            gone.set()

    with serving(answer) as server:
        with remote.open_stream(f"{server.url}/x.nii", "voxels") as stream:
            assert stream.read(10) == bytes(10)
        assert gone.wait(30)
