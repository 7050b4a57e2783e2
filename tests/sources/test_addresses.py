"""Which URLs are opened: every protocol that fsspec lists, in what users give and in what files say."""

from __future__ import annotations

import gc
import importlib
import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dataset_cases import describe, save
from inspected import inspected

from bnstat import InputError, Reading, UsageError
from bnstat.sources.addresses import PROTOCOLS, Access, is_remote, named_in, require_allowed, require_protocols
from bnstat.sources.search import cases_of

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("s3fs")

registry = importlib.import_module("fsspec.registry")  # fsspec has a table of this name

KNOWN = sorted({*fsspec.available_protocols(), *registry.known_implementations})
OTHERS = [name for name in KNOWN if name not in PROTOCOLS]


@pytest.fixture
def asked(monkeypatch):
    """What fsspec was asked for, by whichever of its functions."""
    calls = []

    def spy(module, name):
        real = getattr(module, name)

        def call(*args, **given):
            calls.append((name, *args))
            return real(*args, **given)

        monkeypatch.setattr(module, name, call)

    for module in (fsspec, fsspec.core, registry):
        for name in ("filesystem", "get_filesystem_class", "url_to_fs", "_import_class", "open"):
            if hasattr(module, name):
                spy(module, name)
    real = fsspec.spec._Cached.__call__

    def made(kind, *args, **given):
        calls.append(("made", kind))
        return real(kind, *args, **given)

    monkeypatch.setattr(fsspec.spec._Cached, "__call__", made)
    return calls


def spelled(protocol, file):
    """A protocol alone and in chains, in front and behind, and as someone would write it who hides it."""
    return [
        f"{protocol}://{file}",
        f"{protocol.upper()}://{file}",
        f"{protocol}::file://{file}",
        f"{protocol}://::file://{file}",
        f"{protocol}::s3://bucket{file}",
        f"{protocol}::simplecache::file://{file}",
        f"simplecache::{protocol}://{file}",
        f"file://{file}::{protocol}://x.nii",
        f"s3://bucket/x.nii::{protocol}://{file}",
        f"file:{protocol}::file://{file}",
        f" {protocol}://{file}",
        f"\t{protocol}::file://{file}",
        f"{protocol}::{file}",
        f"{protocol}:{file}",
    ]


def described(kind, name):
    """A description of each kind that names a file."""
    return {
        "monai": {"training": [{"image": name}]},
        "monai files": {"training": [{"image": ["ok.nii", name]}]},
        "a list": [{"image": name}],
        "label": {"training": [{"image": "ok.nii", "label": name}]},
        "decathlon": {"modality": {"0": "CT"}, "training": [{"image": name, "label": name}]},
        "nnunet": {"channel_names": {"0": "CT"}, "dataset": {"case": {"images": [name], "label": "ok.nii"}}},
        "nnunet label": {"channel_names": {"0": "CT"}, "dataset": {"case": {"images": ["ok.nii"], "label": name}}},
        "nnunet ending": {"channel_names": {"0": "CT"}, "file_ending": name},
    }[kind]


KINDS = ("monai", "monai files", "a list", "label", "decathlon", "nnunet", "nnunet label", "nnunet ending")


@pytest.fixture
def evil(tmp_path, voxels):
    """A folder with an image, and a set of references that writes a file if it is ever rendered."""
    save(tmp_path / "ok.nii", voxels)
    template = "{{ cycler.__init__.__globals__.os.system('touch " + str(tmp_path / "ran") + "') }}"
    generated = {"key": template, "url": "u", "offset": "0", "length": "1", "dimensions": {"i": [0]}}
    content = {"version": 1, "templates": {"u": "x"}, "gen": [generated], "refs": {"a": [template, 0, 1]}}
    (tmp_path / "evil.nii").write_text(json.dumps(content))
    yield tmp_path
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", KNOWN)
def test_no_protocol_in_a_description_gets_to_fsspec(evil, asked, kind, protocol):
    for spelling in spelled(protocol, evil / "evil.nii"):
        path = describe(evil, described(kind, spelling), "list.json")
        for allowed in ((), (protocol,)):
            found = cases_of([str(path)], access=Access(tuple(allowed)))
            assert not any(is_remote(file) for case in found.cases for file in (*case.files, case.labels or ""))
            report = inspected(path, reading=Reading(protocols=allowed))
            assert report.errors or "label" in kind
            assert all("\n" not in one.message for one in report.errors)
    assert asked == []


@pytest.mark.parametrize("protocol", OTHERS)
def test_no_other_protocol_that_a_user_gives_gets_to_fsspec(evil, asked, protocol):
    for spelling in spelled(protocol, evil / "evil.nii"):
        (failure,) = inspected(spelling).errors
        assert "\n" not in failure.message
        if spelling.startswith(f"{protocol}://") and "::" not in spelling:
            assert f"add `protocols={protocol}`" in failure.message
    for ending in ("x.json", "*.nii", "folder/", "x.npy", "x.img"):
        (failure,) = inspected(f"{protocol}://{ending}").errors
        assert "is not allowed" in failure.message
    assert asked == []


@pytest.mark.parametrize("protocol", KNOWN)
def test_a_chain_is_refused_whatever_is_allowed(evil, asked, protocol):
    for spelling in spelled(protocol, evil / "evil.nii"):
        if "::" in spelling:
            (failure,) = inspected(spelling, reading=Reading(protocols=tuple(KNOWN))).errors
            assert "chains" in failure.message or "no such file" in failure.message
    assert asked == []


@pytest.mark.parametrize("url", ["reference::file:///x.nii", "memory://x.nii", "zip://a::file:///b.nii"])
@pytest.mark.parametrize("command", ["inspect", "compare", "check", "scan"])
def test_commands_say_in_a_line_what_is_refused(bnstat_run, refused, asked, tmp_path, small_image, command, url):
    (tmp_path / "list").write_text(f"{url}\n")
    target = ("-o", tmp_path / "m.jsonl", "--force") if command == "scan" else ()
    for given in ((url,), ("--files-from", tmp_path / "list")):
        ran = bnstat_run(command, *given, *target)
        (line,) = ran.errors
        assert ran.code == 3
        assert url in line
    for option in (("--mask", url), ("--intensity", f"ct:{url}")):
        assert refused(2, command, small_image(), *option, *target)
    assert asked == []


def test_files_beside_inputs_are_refused_likewise(refused, asked, small_image, tmp_path):
    image = small_image()
    patch = ("--patch", "2x2x2", "--foreground", "0.5")
    assert "not allowed" in refused(3, "inspect", image, "--mask", "memory://m/{case}.nii")
    assert "not allowed" in refused(3, "inspect", image, *patch, "--labels", "memory://m/{case}.nii")
    assert refused(3, "check", image, "--reference", "memory://m.jsonl")
    assert refused(3, "check", image, "--baseline", "memory://m.json")
    assert refused(3, "compare", image, image, "--group-by", "memory://m.csv:site")
    assert refused(3, "plan", "memory://plans.json")
    assert refused(3, "inspect", "--files-from", "memory://list")
    assert asked == []
    (tmp_path / "bnstat.toml").write_text('allow-protocol = ["memory"]')
    assert "allow-protocol" in refused(2, "check", image, "--config", tmp_path / "bnstat.toml")


def test_a_protocol_that_is_allowed_is_read_by_every_command(bnstat_run, tmp_path, voxels):
    data = Path(save(tmp_path / "x.nii", voxels)).read_bytes()
    fsspec.filesystem("memory").pipe({"/ok/x.nii": data, "/ok/m_x.nii": data})
    allowed = ("--allow-protocol", "sftp", "--allow-protocol", "memory")
    for command in (("inspect",), ("compare",), ("check", "--fail-on", "never"), ("scan", "-o", tmp_path / "m.jsonl")):
        assert bnstat_run(*command, "memory://ok/x.nii", *allowed, "--mask", "memory://ok/m_{case}.nii").code == 0
    twice = bnstat_run("inspect", "memory://ok/", "--jobs", 2, "--channels", "{channel}_x.nii", *allowed)
    assert twice.code == 0
    assert bnstat_run("scan", "memory://ok/", "-o", tmp_path / "n.jsonl", *allowed, "--jobs", "1").code == 0
    assert (
        "2 unchanged since the last run"
        in bnstat_run("scan", "memory://ok/", "-o", tmp_path / "n.jsonl", *allowed, "--resume").err
    )


@pytest.mark.parametrize("name", ["memory://", "a b", "", "Memory", "reference::file", "x/../y", "é"])
def test_what_is_no_name_of_a_protocol_is_wrong_usage(refused, small_image, name):
    with pytest.raises(UsageError, match="cannot be a protocol"):
        require_protocols([name])
    assert "cannot be a protocol" in refused(2, "inspect", small_image(), "--allow-protocol", name)


def test_a_url_of_a_file_here_is_read(tmp_path, voxels):
    save(tmp_path / "in/x.nii", voxels)
    for url in (f"file://{tmp_path}/in/x.nii", f"FILE://{tmp_path}/in/", f"file://{tmp_path}/in/*.nii"):
        assert inspected(url).errors == ()


LISTS = {
    "s3": ("s3://bucket/ds/list.json", "s3://bucket/ds"),
    "http": ("http://good:80/ds/list.json", "http://good:80/ds"),
    "user": ("https://me@good/ds/list.json", "https://me@good/ds"),
    "odd": ("http://list.json", "http:"),
    "abfs": ("abfs://box@one.net/ds/list.json", "abfs://box@one.net/ds"),
}


def named(kind, name):
    from bnstat.sources.storage import inside

    path, folder = LISTS[kind]
    return named_in(path, folder, name, inside(folder, name))


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("s3", "a/x.nii", "s3://bucket/ds/a/x.nii"),
        ("s3", "./x.nii", "s3://bucket/ds/x.nii"),
        ("s3", "100%.nii", "s3://bucket/ds/100%.nii"),
        ("s3", "..x/y..nii", "s3://bucket/ds/..x/y..nii"),
        ("s3", "s3://bucket/other/x.nii", "s3://bucket/other/x.nii"),
        ("http", "x.nii?signature=../a", "http://good:80/ds/x.nii?signature=../a"),
        ("http", "HTTP://GOOD/x.nii", "HTTP://GOOD/x.nii"),
        ("user", "https://me@good:443/x.nii", "https://me@good:443/x.nii"),
        ("abfs", "abfs://box@one.net/x.nii", "abfs://box@one.net/x.nii"),
    ],
)
def test_a_list_elsewhere_names_what_is_on_its_own_server(kind, name, path):
    assert named(kind, name) == path


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("s3", name) for name in ("../x.nii", "a/../../x.nii", "%2e%2e/x.nii", "%252E%252e/x.nii", "a/%2E./x.nii")),
        *(("s3", name) for name in ("..%2fx.nii", "..\\x.nii", "..%5cx.nii", "a\\x.nii", "..")),
        ("s3", "%" + "25" * 9 + "2e./x.nii"),
        *(("s3", name) for name in ("/etc/x.nii", "//evil/x.nii", "/../x.nii", "s3://bucket/ds/../x.nii")),
        *(("s3", name) for name in ("s3://other/x.nii", "s3://bucket@other/x.nii", "s3://BUCKET/x.nii", "s3:///x.nii")),
        *(("s3", name) for name in ("s3a://bucket/x.nii", "https://bucket/x.nii", "file:///x.nii", "local:///x.nii")),
        *(("s3", name) for name in ("a::s3://bucket/x.nii", "reference::x.nii", "s3://bucket/x.nii::memory://x")),
        *(("http", name) for name in ("http://good@evil/x.nii", "http://evil/x.nii", "http://good:81/x.nii")),
        *(("http", name) for name in ("https://good/x.nii", "http://good.evil/x.nii", "http://me@good/x.nii")),
        *(("http", name) for name in ("http://evil\\@good/x.nii", "http://good\\@evil/x.nii", "http://evil#@good/x")),
        *(("http", name) for name in ("http://evil?@good/x.nii", "http://good%2eevil/x", "http://go od/x.nii")),
        *(("http", name) for name in ("http://good:x/x.nii", "http://[good/x.nii", "http://good /x.nii", "http:///x")),
        *(("http", name) for name in ("http://[::1]/x.nii", "\\\\evil\\x.nii", "../x.nii?a", "..#/x")),
        *(("user", name) for name in ("https://good/x.nii", "https://you@good/x.nii")),
        *(("odd", name) for name in ("x.nii", "//evil/x.nii", "/x.nii")),
        *(("abfs", name) for name in ("abfs://box@two.net/x.nii", "abfs://box/x.nii", "az://box@one.net/x.nii")),
    ],
)
def test_a_list_elsewhere_names_nothing_else(kind, name):
    with pytest.raises(InputError, match="lists it, but it was not opened"):
        named(kind, name)


def test_a_list_here_names_plain_paths_and_no_url(tmp_path, voxels, asked):
    save(tmp_path / "other/x.nii", voxels)
    for name in ("../other/x.nii", str(tmp_path / "other/x.nii")):
        assert inspected(describe(tmp_path / "ds", [{"image": name}])).errors == ()
    for name in (f"file://{tmp_path}/other/x.nii", "https://host/x.nii", "s3://bucket/x.nii"):
        (failure,) = inspected(describe(tmp_path / "ds", [{"image": name}])).errors
        assert failure.source == name
        assert str(tmp_path / "ds/dataset.json") in failure.message
    assert asked == []


def test_what_is_refused_in_a_list_leaves_the_rest_of_it(evil):
    listed = describe(
        evil, [{"image": "reference::file:///x.nii"}, {"image": "ok.nii"}, {"image": "ok.nii\n\x1b[2J://"}]
    )
    report = inspected(listed)
    assert [sample.source for sample in report.samples] == [str(evil / "ok.nii")]
    assert len(report.errors) == 2
    assert "correct the list" in report.errors[0].message


@pytest.mark.parametrize("protocol", KNOWN)
def test_names_in_a_description_elsewhere_stay_there(protocol, asked):
    memory = fsspec.filesystem("memory")
    for number, spelling in enumerate(spelled(protocol, "/evil.nii")):
        memory.pipe(f"/{protocol}/{number}.json", json.dumps([{"image": spelling}]).encode())
    asked.clear()
    reading = Reading(protocols=("memory", protocol))
    for number, spelling in enumerate(spelled(protocol, "/evil.nii")):
        report = inspected(f"memory://{protocol}/{number}.json", reading=reading)
        assert report.errors
        if not (protocol == "memory" or spelling.startswith((" ", "\t")) or spelling == f"{protocol}:/evil.nii"):
            assert "was not opened" in report.errors[0].message
    assert {call[1:] for call in asked} <= {("memory",), (type(memory),)}


def test_a_name_in_a_folder_elsewhere_that_leads_out_of_it_is_said(monkeypatch, voxels, tmp_path):
    data = Path(save(tmp_path / "x.nii", voxels)).read_bytes()
    fsspec.filesystem("memory").pipe("/leads/x.nii", data)
    names = ["/leads/x.nii", "/leads/%2e%2e/y.nii", "/leads/../y.nii", "/other/y.nii", "/leads/a::b.nii"]
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "find", lambda *_: names)
    report = inspected("memory://leads/", reading=Reading(protocols=("memory",)))
    assert [sample.source for sample in report.samples] == ["memory://leads/x.nii"]
    assert sum("leads out" in one.message for one in report.errors) == 3
    assert sum("chains" in one.message for one in report.errors) == 1


def test_a_control_character_is_in_no_url():
    with pytest.raises(InputError, match="control characters"):
        require_allowed("s3://bucket/\nx.nii", Access())


def test_the_source_of_moments_is_never_opened(evil, bnstat_run, asked):
    kept = evil / "m.jsonl"
    assert bnstat_run("scan", evil / "ok.nii", "-o", kept).code == 0
    for name in ("reference::file:///evil.nii", "memory://x.nii", "s3://bucket/x.nii"):
        line = json.loads(kept.read_text()) | {"source": name, "files": [name, name + "2"]}
        line["settings"] |= {"mask": f"memory://{name}"}
        (evil / "changed.jsonl").write_text(json.dumps(line) + "\n")
        for command in (("inspect",), ("compare",), ("check",), ("check", evil / "ok.nii", "--reference")):
            assert bnstat_run(*command, evil / "changed.jsonl").code < 4
        line["settings"] |= {"mask": None}
        (evil / "changed.jsonl").write_text(json.dumps(line) + "\n")
        assert bnstat_run("scan", evil / "ok.nii", "-o", evil / "changed.jsonl", "--resume").code == 0
    assert asked == []


class _Site(SimpleHTTPRequestHandler):
    """A server of a folder; what begins with `to-` sends on to what is said after that."""

    seen: list

    def do_GET(self):
        self.seen.append(self.path)
        if self.path in self.server.sends:
            self.send_response(302)
            self.send_header("Location", self.server.sends[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    folder.mkdir(exist_ok=True)
    handler = type("Handler", (_Site,), {"seen": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    httpd.sends = {}
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}", httpd.sends, handler.seen
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def sites(tmp_path, voxels):
    """Two web servers: of a list, and another."""
    save(tmp_path / "one/ds/x.nii.gz", voxels)
    save(tmp_path / "one/secret.nii.gz", voxels)
    save(tmp_path / "two/x.nii.gz", voxels)
    with served(tmp_path / "one") as one, served(tmp_path / "two") as two:
        yield one, two
    gc.collect()


def test_a_list_on_a_web_server_opens_nothing_above_it_or_elsewhere(sites, tmp_path):
    (one, _, seen), (two, _, other) = sites
    names = [
        "../secret.nii.gz",
        "%2e%2e/secret.nii.gz",
        "/secret.nii.gz",
        f"{two}/x.nii.gz",
        f"{one}/ds/../secret.nii.gz",
    ]
    describe(tmp_path / "one/ds", [{"image": name} for name in (*names, "x.nii.gz")], "list.json")
    report = inspected(f"{one}/ds/list.json")
    assert [sample.source for sample in report.samples] == [f"{one}/ds/x.nii.gz"]
    assert len(report.errors) == len(names)
    assert {path for path in seen if not path.startswith("/ds/")} == set()
    assert other == []


def test_what_a_list_names_is_not_fetched_where_its_server_sends_on_to_another(sites, tmp_path):
    (one, sends, _), (two, _, other) = sites
    describe(tmp_path / "one/ds", [{"image": "a.nii.gz"}, {"image": "b.nii.gz"}], "list.json")
    sends["/ds/a.nii.gz"] = f"{two}/x.nii.gz"
    sends["/ds/b.nii.gz"] = "/ds/x.nii.gz"
    report = inspected(f"{one}/ds/list.json")
    (failure,) = report.errors
    assert failure.source == f"{one}/ds/a.nii.gz"
    assert f"give {two}/x.nii.gz itself" in failure.message
    assert [sample.source for sample in report.samples] == [f"{one}/ds/b.nii.gz"]
    assert other == []
    assert inspected(f"{one}/ds/a.nii.gz").errors == ()  # a user may be sent on
    sends["/ds/a.nii.gz"] = f"file://{tmp_path}/two/x.nii.gz"
    assert len(inspected(f"{one}/ds/a.nii.gz").errors) == 1


def test_links_of_a_page_that_lead_out_of_it_are_passed_over(sites, tmp_path):
    (one, _, seen), (two, _, other) = sites
    links = [
        "x.nii.gz",
        "/secret.nii.gz",
        "../secret.nii.gz",
        "%2e%2e/secret.nii.gz",
        "/",
        f"{two}/x.nii.gz",
        "?C=N;O=D",
    ]
    (tmp_path / "one/ds/index.html").write_text("".join(f'<a href="{link}">x</a>' for link in links))
    for url in (f"{one}/ds/", f"{one}/ds/*.nii.gz"):
        report = inspected(url)
        assert [sample.source for sample in report.samples] == [f"{one}/ds/x.nii.gz"]
        assert report.errors == ()
    assert not any("secret" in path for path in seen)
    assert other == []
