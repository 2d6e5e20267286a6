"""Checkpoints, initial weights and annotations that attack the reader."""

import json
import pickle
import struct
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.convert import tensors_of
from rgbtvg.datasets.records.files import read_raw_rows
from rgbtvg.datasets.transforms.text import load_tokenizer
from rgbtvg.errors import CheckpointError, ConfigError, DataError
from rgbtvg.models.backbones import BertEncoder
from rgbtvg.safe_load import load_pickle

LIMIT = 50 * 2**20
"""Bytes that reading a small hostile file may allocate."""


def zipped(path, data, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return path


def legacy(path, data):
    """A file of torch.save before 1.6 whose data are the given pickle."""
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join(head) + data + pickle.dumps([], 2))
    return path


def bare(path, data):
    path.write_bytes(data)
    return path


BOMBS = {
    "LONG_BINPUT": b"\x80\x02]r\xff\xff\xff\xff.",
    "LONG_BINPUT of 2**28": b"\x80\x02]r\0\0\0\x10.",
    "PUT": b"]p4294967295\n.",
    "negative PUT": b"]p-5\n.",
    "BINBYTES8": b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"x.",
    "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"x.",
    "BINUNICODE": b"\x80\x02X" + struct.pack("<I", 2**31) + b"x.",
    "LONG4": b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b"x.",
    "bytearray": b"\x80\x02c__builtin__\nbytearray\nJ\0\0\0\x40\x85R.",
    "nested tuples as a key": b"\x80\x02})" + b"\x85" * 200_000 + b"Ns.",
    "nested pairs as a key": b"\x80\x02})" + b"N\x86q\0" * 200_000 + b"Ns.",
}


@pytest.mark.parametrize("store", [zipped, legacy, bare], ids=lambda store: store.__name__)
@pytest.mark.parametrize("kind", BOMBS)
def test_a_pickle_bomb_is_refused_before_it_allocates(tmp_path, kind, store):
    path = store(tmp_path / "x.pth", BOMBS[kind])
    tracemalloc.start()
    for load in (load_file,) if store is legacy else (load_file, load_pickle):
        with pytest.raises(CheckpointError, match=r"x\.pth (is refused|cannot be read)") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="annotation file"):
        read_raw_rows(path)
    assert tracemalloc.get_traced_memory()[1] < LIMIT
    tracemalloc.stop()


def test_a_compressed_archive_is_refused(tmp_path):
    path = zipped(tmp_path / "x.pth", pickle.dumps([0] * 10**6, 2), zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="compressed archive"):
        load_file(path)


def test_parts_that_overlap_are_refused(tmp_path):
    """Every entry of the directory points at the same bytes."""
    path = zipped(tmp_path / "x.pth", pickle.dumps(["x" * 10**5], 2))
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist += [archive.filelist[0]] * 100
        archive._didModify = True
    with pytest.raises(CheckpointError, match="parts are larger than the file"):
        load_file(path)


@pytest.mark.parametrize("depth", [500, 200_000])
def test_nested_lists_are_data_or_one_sentence(tmp_path, depth):
    for store in (zipped, legacy):
        path = store(tmp_path / "x.pth", b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b".")
        try:
            read_raw_rows(path)
        except DataError as error:
            assert "\n" not in str(error)


def test_shared_lists_do_not_multiply(tmp_path):
    """Sixty lists, each of which holds the one before twice: 2**60 paths."""
    value = [np.float64(1)]
    for _ in range(60):
        value = [value, value]
    torch.save(value, tmp_path / "x.pth")
    loaded = load_file(tmp_path / "x.pth")
    assert loaded[0] is loaded[1]


TENSORS = {
    "stride 0": lambda: torch.zeros(1).expand(10**6, 10**6),
    "half": lambda: torch.zeros(1, dtype=torch.half).expand(10**6, 10**6),
    "sparse": lambda: torch.sparse_coo_tensor(torch.zeros(2, 1).long(), torch.ones(1), (10**6, 10**6)),
    "meta": lambda: torch.empty(10**6, 10**6, device="meta"),
    "many views": lambda: [torch.zeros(1).expand(10**5) for _ in range(100)],
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_larger_than_their_file_are_refused(tmp_path, kind):
    torch.save({"state_dict": {"weight": TENSORS[kind]()}}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="out of proportion"):
        tensors_of(load_file(tmp_path / "x.pth"), "x.pth")


HEADERS = {
    "length": struct.pack("<Q", 2**62) + b"{}",
    "long header": struct.pack("<Q", 2**31) + b"{}",
    "shape": {"a": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4]}},
    "offsets": {"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}},
    "overflow": {"a": {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 0]}},
    "negative": {"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}},
    "not a dict": [1],
}


@pytest.mark.parametrize("kind", HEADERS)
def test_hostile_headers_of_safetensors_are_one_sentence(tmp_path, kind):
    header = HEADERS[kind]
    if not isinstance(header, bytes):
        text = json.dumps(header).encode()
        header = struct.pack("<Q", len(text)) + text + bytes(4)
    (tmp_path / "x.safetensors").write_bytes(header)
    with pytest.raises(CheckpointError, match=r"x\.safetensors is not a readable"):
        load_file(tmp_path / "x.safetensors")


WITHOUT_WEIGHTS = [{"model": {1: 2}}, {"state_dict": {"a": "text"}}, {"model": [1]}, [1, 2], None, "x"]


@pytest.mark.parametrize("content", WITHOUT_WEIGHTS)
def test_contents_without_weights_are_one_sentence(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="holds no weights"):
        tensors_of(load_file(tmp_path / "x.pth"), "x.pth")


class Call:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_hostile_bert_directory_is_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": {"AutoModel": "evil.Evil"}}))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    torch.save({"embeddings.word_embeddings.weight": Call(tmp_path / "ran")}, tmp_path / "pytorch_model.bin")
    arch = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is refused: it wants to load") as caught:
        BertEncoder(arch, pretrained=str(tmp_path)).init_weights()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_never_runs_the_code_of_its_folder(tmp_path):
    settings = {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "evil.Evil"}}))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ConfigError, match="no tokenizer"):
        load_tokenizer(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_eight_threads_load_at_the_same_time(tmp_path):
    torch.save({"weights": torch.ones(3), "score": np.float64(0.5)}, tmp_path / "x.pth")
    found, start = [], threading.Barrier(8)

    def load():
        start.wait()
        for _ in range(20):
            found.append(load_file(tmp_path / "x.pth")["score"])

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [0.5] * 160
