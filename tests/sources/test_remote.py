"""Files elsewhere: an S3 server on this machine, a web server, and fsspec's memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, nnunet_v2, save
from inspected import inspected

import bnstat
from bnstat import InputError
from bnstat.sources.opening import open_volume
from bnstat.sources.search import cases_of

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def endpoint():
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, request):
    """An empty bucket of the server: its URL, and the file system that writes to it."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = f"b{abs(hash(request.node.nodeid))}"
    system = fsspec.filesystem("s3")
    system.mkdir(f"s3://{name}")
    yield f"s3://{name}", system
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def numbers(paths, **settings):
    report = inspected(paths, **settings)
    assert report.errors == ()
    return [(part.name, part.mean, part.variance, part.minimum) for batch in report.batches for part in batch.parts]


def failure(url, **settings):
    (found,) = inspected(url, **settings).errors
    assert found.source == url
    assert "\n" not in found.message
    return found.message


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_a_file_in_a_bucket_has_the_numbers_of_the_same_file_here(bucket, tmp_path, voxels, name):
    url, system = bucket
    here = save(tmp_path / name, voxels.astype(np.float32))
    system.put(here, f"{url}/deep/{name}")
    assert numbers(f"{url}/deep/{name}") == numbers(here)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_scale_factors_big_endian_and_extensions_of_a_header_elsewhere_hold(bucket, tmp_path, voxels, kind):
    url, system = bucket
    header = kind.header_class(endianness=">")
    header.set_data_dtype(np.int16)
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"x" * 5000))
    image = kind(voxels.astype(np.int16), np.eye(4), header)
    image.header.set_slope_inter(2.5, -7)
    nibabel.save(image, tmp_path / "x.nii.gz")
    system.put(str(tmp_path / "x.nii.gz"), f"{url}/x.nii.gz")
    assert numbers(f"{url}/x.nii.gz") == numbers(tmp_path / "x.nii.gz")


@pytest.mark.parametrize("name", ["example4d.nii.gz", "functional.nii", "example_nifti2.nii.gz"])
def test_real_scans_elsewhere_have_the_numbers_that_they_have_here(bucket, nibabel_data, name):
    url, system = bucket
    system.put(str(nibabel_data / name), f"{url}/{name}")
    assert numbers(f"{url}/{name}", batch_axis=3) == numbers(nibabel_data / name, batch_axis=3)


def test_a_data_set_a_folder_and_a_pattern_in_a_bucket_stand_for_their_cases(bucket, tmp_path):
    url, system = bucket
    nnunet_v2(tmp_path / "ds")
    system.put(str(tmp_path / "ds"), f"{url}/ds", recursive=True)
    here = numbers(tmp_path / "ds", batch_size=3)
    assert [name for name, *_ in here] == list(CHANNELS)
    assert numbers(f"{url}/ds/", batch_size=3) == here
    assert numbers(f"{url}/ds", batch_size=3) == here
    assert numbers(f"{url}/ds/dataset.json", batch_size=3) == here
    assert numbers(f"{url}/ds/imagesTr/", batch_size=3) == here
    alone = numbers([tmp_path / f"ds/imagesTr/{case}_0001.nii.gz" for case in CASES])
    assert numbers(f"{url}/ds/imagesTr/*_0001.nii.gz") == alone
    assert len(cases_of([f"{url}/ds/imagesTs/"]).cases) == 1


def test_a_folder_elsewhere_without_a_description_is_a_case_for_each_image_in_it(bucket, tmp_path, voxels):
    url, system = bucket
    for name in ("a.nii.gz", "deep/b.nii", ".hidden.nii", "notes.txt"):
        system.put(
            save(tmp_path / "x.nii", voxels) if name[-3:] == "nii" else save(tmp_path / "x.nii.gz", voxels),
            f"{url}/c/{name}",
        )
    assert [case.name for case in cases_of([f"{url}/c/"]).cases] == [f"{url}/c/a.nii.gz", f"{url}/c/deep/b.nii"]


def test_sums_that_are_done_again_come_from_a_second_stream(bucket, tmp_path, voxels):
    url, system = bucket
    here = save(tmp_path / "x.nii.gz", np.stack([voxels, voxels + 1], axis=-1).astype(np.float32))
    system.put(here, f"{url}/x.nii.gz")
    (there,) = bnstat.diagnose(f"{url}/x.nii.gz", framework="keras-tensorflow").batches
    (local,) = bnstat.diagnose(here, framework="keras-tensorflow").batches
    assert there.channels == local.channels
    assert there.channels[0].prediction.kind == "emulated"


def test_a_key_and_a_bucket_that_are_not_there_are_a_line_each(bucket):
    url, _ = bucket
    assert "no such file or bucket" in failure(f"{url}/missing.nii.gz")
    assert "no such file or bucket" in failure("s3://no-such-bucket-at-all/x.nii")
    assert "no such file or bucket" in failure(f"{url}/missing/dataset.json")
    assert "no image" in failure(f"{url}/missing/") or "no such" in failure(f"{url}/missing/")


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize("kept", [0, 100, 0.6])
def test_an_object_that_was_cut_off_is_a_line(bucket, tmp_path, name, kept):
    url, system = bucket
    data = Path(save(tmp_path / name, np.random.default_rng(1).normal(size=(9, 9, 9)))).read_bytes()
    system.pipe(f"{url}/{name}", data[: kept if kept > 1 else int(kept * len(data))])
    message = failure(f"{url}/{name}")
    assert "truncated" in message or "empty" in message or "not a NIfTI" in message
    assert kept != 0.6 or "truncated" in message


@pytest.mark.parametrize(
    "content",
    [b"no image" * 100, gzip.compress(b"no image" * 100), b"\x5c\x01\x00\x00" + b"\xff" * 600],
    ids=["text", "gzip", "damaged header"],
)
def test_what_is_no_image_elsewhere_is_a_line(bucket, content):
    url, system = bucket
    for name in ("x.nii", "x.nii.gz"):
        system.pipe(f"{url}/{name}", content)
        assert failure(f"{url}/{name}")


def test_a_missing_channel_elsewhere_is_told_as_it_is_here(bucket, tmp_path):
    url, system = bucket
    nnunet_v2(tmp_path / "ds")
    system.put(str(tmp_path / "ds"), f"{url}/ds", recursive=True)
    system.rm(f"{url}/ds/imagesTr/{CASES[0]}_0001.nii.gz")
    report = bnstat.diagnose(f"{url}/ds/")
    assert [one.missing for one in report.errors] == [(CHANNELS[1],)]
    assert len(report.samples) == 2


def test_a_volume_elsewhere_is_opened_again_in_another_process_by_its_name(bucket, tmp_path, voxels):
    url, system = bucket
    here = save(tmp_path / "x.nii.gz", voxels)
    system.put(here, f"{url}/x.nii.gz")
    code = f"import bnstat; print(bnstat.diagnose({f'{url}/x.nii.gz'!r}).batches[0].channels[0].variance)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert float(ran.stdout) == numbers(here)[0][2]
    code = (
        "import multiprocessing as m, bnstat\n"
        f"u = {f'{url}/x.nii.gz'!r}\n"
        "bnstat.diagnose(u)\n"
        "def f(_): return bnstat.diagnose(u).batches[0].channels[0].variance\n"
        "with m.get_context('fork').Pool(1) as pool: print(pool.map(f, [0])[0])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert float(ran.stdout) == numbers(here)[0][2]


@pytest.mark.usefixtures("bucket")
def test_a_server_that_is_not_there_is_a_line(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    fsspec.get_filesystem_class("s3").retries = 1
    assert "no connection to the server" in failure("s3://bucket/x.nii")


def test_no_credentials_are_a_line_that_says_where_they_come_from(bucket, monkeypatch, tmp_path):
    url, _ = bucket
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    assert "AWS_ACCESS_KEY_ID" in failure(f"{url}/x.nii")


def test_a_web_server_that_is_not_there_is_no_missing_file():
    assert "no connection to the server" in failure("http://127.0.0.1:9/x.nii.gz")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """A web server of a folder, which sends no parts of files."""
    (tmp_path / "site").mkdir()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "site")))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}", tmp_path / "site"
    httpd.shutdown()
    httpd.server_close()


def test_a_file_of_a_web_server_has_the_numbers_of_the_same_file_here(site, voxels):
    url, folder = site
    for name in ("x.nii", "x.nii.gz"):
        here = save(folder / name, voxels)
        assert numbers(f"{url}/{name}") == numbers(here)
        assert numbers(f"{url}/{name}?signature=abc") == numbers(here)
    assert "no such file" in failure(f"{url}/missing.nii.gz")


def test_a_list_of_a_web_server_names_files_beside_it(site, voxels):
    url, folder = site
    here = save(folder / "a/x.nii.gz", voxels)
    (folder / "list.json").write_text(json.dumps({"training": [{"image": "a/x.nii.gz"}]}))
    assert numbers(f"{url}/list.json") == numbers(here)


def test_a_file_in_memory_is_read(tmp_path, voxels):
    here = Path(save(tmp_path / "x.nii.gz", voxels))
    fsspec.filesystem("memory").pipe("/some/x.nii.gz", here.read_bytes())
    allowed = bnstat.Reading(protocols=("memory",))
    assert numbers("memory://some/x.nii.gz", reading=allowed) == numbers(here)
    assert numbers("memory://some/", reading=allowed) == numbers(here)


def test_protocols_and_formats_that_are_not_read_are_a_line_each():
    allowed = bnstat.Reading(protocols=("memory", "nowhere"))
    assert "`protocols=nowhere`" in failure("nowhere://x/y.nii")
    assert "no such protocol" in failure("nowhere://x/y.nii", reading=allowed)
    assert "copy" in failure("memory://x/y.npy", reading=allowed)
    assert "copy" in failure("memory://x/y.mgz", reading=allowed)


def test_without_fsspec_a_line_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "fsspec"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(InputError, match=r"pip install 'bnstat\[remote\]'"):
        open_volume("s3://bucket/x.nii")


def test_reading_files_of_this_machine_imports_no_fsspec(small_image):
    code = f"import sys, bnstat; bnstat.diagnose({small_image()!r}); print('fsspec' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_a_scan_that_is_resumed_reads_again_what_has_changed_in_a_bucket(bucket, tmp_path, voxels):
    url, system = bucket
    kept = tmp_path / "m.jsonl"
    system.put(save(tmp_path / "a.nii.gz", voxels), f"{url}/a.nii.gz")
    assert bnstat.collect(url, kept).cases == 1
    assert bnstat.collect(url, kept, resume=True).unchanged == 1
    system.put(save(tmp_path / "b.nii.gz", voxels[:-1]), f"{url}/a.nii.gz")
    assert bnstat.collect(url, kept, resume=True).cases == 1
    (sample,) = bnstat.diagnose(kept).samples
    assert sample.shape == voxels[:-1].shape
