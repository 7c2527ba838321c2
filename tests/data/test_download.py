import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mosaicreid.data.download import fetch_annotations
from mosaicreid.datasets import DATASETS, get_dataset
from mosaicreid.datasets.definition import Source
from mosaicreid.errors import InputError
from mosaicreid.files import sha256

CONTENT = b"as good as a MATLAB file"


@pytest.fixture
def server(tmp_path):
    """A web server on this machine with one file, and the requests that reached it."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "market_attribute.mat").write_bytes(CONTENT)
    requests = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=str(tmp_path / "served"), **options)

        def log_message(self, *arguments):
            requests.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", requests
        running.shutdown()
        thread.join()


def source(url: str, content: bytes = CONTENT) -> dict[str, Source]:
    return {"market1501": Source(page="https://example.org/page", url=url, sha256=hashlib.sha256(content).hexdigest())}


def test_the_real_files_have_the_sums_that_are_asked_for(annotations):
    for item in (get_dataset(name).source for name in DATASETS):
        assert sha256(annotations / item.url.rpartition("/")[2]) == item.sha256


def test_a_file_is_fetched_once(server, tmp_path):
    address, requests = server
    sources = source(f"{address}/market_attribute.mat")
    for _ in range(2):
        paths = fetch_annotations(tmp_path / "data", flat=True, sources=sources)
    assert paths == {"market1501": tmp_path / "data" / "market_attribute.mat"}
    assert paths["market1501"].read_bytes() == CONTENT
    assert requests == ["/market_attribute.mat"]


def test_a_file_is_put_where_its_reader_looks(server, tmp_path):
    address, _ = server
    paths = fetch_annotations(tmp_path / "data", sources=both(address))
    for dataset, name in (("market1501", "market_attribute.mat"), ("dukemtmc", "duke_attribute.mat")):
        assert paths[dataset] == tmp_path / "data" / dataset / name
        assert paths[dataset].read_bytes() == CONTENT
        assert get_dataset(dataset).annotation.file_name == name


def test_other_bytes_are_refused_and_not_kept(server, tmp_path):
    address, _ = server
    with pytest.raises(InputError, match="is not the file with sha256") as error:
        fetch_annotations(
            tmp_path / "data", flat=True, sources=source(f"{address}/market_attribute.mat", b"what was expected")
        )
    assert "by hand from https://example.org/page" in str(error.value)
    assert not list((tmp_path / "data").iterdir())


def both(address: str) -> dict[str, Source]:
    """The file that is served as DukeMTMC's too, which comes second."""
    (first,) = source(f"{address}/market_attribute.mat").values()
    return {"market1501": first, "dukemtmc": first}


@pytest.mark.parametrize("content", [b"my own corrected annotation", b"", CONTENT[:-1], CONTENT + b" "])
@pytest.mark.parametrize("name", ["market_attribute.mat", "duke_attribute.mat"])
def test_a_file_of_ones_own_stays_and_nothing_is_fetched(server, tmp_path, name, content):
    address, requests = server
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        fetch_annotations(folder, flat=True, sources=both(address))
    assert str(error.value).startswith(f"{folder / name} is there already and not the authors' file (its sha256 is ")
    assert str(error.value).isprintable()
    assert (folder / name).read_bytes() == content
    assert [path.name for path in folder.iterdir()] == [name]
    assert requests == []


def test_whatever_else_has_the_name_stays(server, tmp_path):
    address, requests = server
    folder = tmp_path / "mine"
    (folder / "market_attribute.mat").mkdir(parents=True)
    with pytest.raises(InputError, match=r"not the authors' file \(Is a directory, expected"):
        fetch_annotations(folder, flat=True, sources=both(address))
    (folder / "market_attribute.mat").rmdir()
    (folder / "market_attribute.mat").symlink_to(folder / "elsewhere.mat")
    with pytest.raises(InputError, match=r"not the authors' file \(No such file"):
        fetch_annotations(folder, flat=True, sources=both(address))
    assert requests == []


def test_a_file_that_is_there_whole_stays_and_the_other_is_fetched(server, tmp_path):
    address, requests = server
    (tmp_path / "data").mkdir()
    own = tmp_path / "data" / "market_attribute.mat"
    own.write_bytes(CONTENT)
    before = own.stat()
    paths = fetch_annotations(tmp_path / "data", flat=True, sources=both(address))
    assert paths["dukemtmc"].read_bytes() == CONTENT
    assert (own.stat().st_ino, own.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert requests == ["/market_attribute.mat"]


@pytest.mark.parametrize("path", ["nothing.mat", None])
def test_no_network_or_no_such_page_says_what_to_do(server, tmp_path, path):
    # Port 9 of this machine: nobody listens.
    url = f"{server[0]}/{path}" if path else "http://127.0.0.1:9/market_attribute.mat"
    with pytest.raises(InputError) as error:
        fetch_annotations(tmp_path / "data", flat=True, sources=source(url))
    assert f"could not fetch {url}" in str(error.value)
    assert f"from https://example.org/page to {tmp_path / 'data' / 'market_attribute.mat'}" in str(error.value)
    assert "\n" not in str(error.value)
