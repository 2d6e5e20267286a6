"""Files from outside are read as data or refused; none of them runs anything."""

import bz2
import gzip
import os
import pickle
import re
import struct
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file

from rgbtvg.checkpoints import load_file
from rgbtvg.checkpoints.convert import tensors_of
from rgbtvg.errors import CheckpointError


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Built:
    """Pickles as an instance whose state is set on load."""

    def __setstate__(self, state):
        os.system(state["command"])


def write(path, value, how):
    """Store `value` as `how` says: by torch.save, by pickle of a protocol, or a pickle wrapped in something."""
    if how == "zip":
        torch.save(value, path)
    elif how == "legacy":
        torch.save(value, path, _use_new_zipfile_serialization=False)
    elif how == "zip protocol 4":
        torch.save(value, path, pickle_protocol=4)
    elif how == "gzip":
        path.write_bytes(gzip.compress(pickle.dumps(value)))
    elif how == "bz2":
        path.write_bytes(bz2.compress(pickle.dumps(value)))
    elif how == "deflated zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(value, 2))
            archive.writestr("archive/version", "3\n")
            archive.writestr("archive/byteorder", "little")
    else:
        path.write_bytes(pickle.dumps(value, int(how.removeprefix("protocol "))))


def hostile_values(marker):
    command = f"touch {marker}"
    built = Built()
    built.__dict__["command"] = command
    return {
        "reduce": Call(os.system, command),
        "eval": Call(eval, f"__import__('os').system({command!r})"),
        "getattr": Call(getattr, "text", "upper"),
        "build": built,
        "nested": {"model": {"weight": torch.ones(2), "extra": [1, ("x", Call(os.system, command))]}},
        "nested pickle": Call(pickle.loads, pickle.dumps(Call(os.system, command))),
        "torch.load inside": Call(torch.load, str(marker)),
        "storage bytes": Call(torch.storage._load_from_bytes, pickle.dumps(Call(os.system, command))),
        "import": Call(__import__, "antigravity"),
        "open": Call(open, str(marker), "w"),
        "namespace": Namespace(lr=0.1, hook=Call(os.system, command)),
        "object array": np.array([Call(os.system, command)], dtype=object),
    }


@pytest.mark.parametrize("how", ["zip", "legacy", "zip protocol 4", "deflated zip", "gzip", "bz2", *"024"])
@pytest.mark.parametrize("name", hostile_values("x"))
def test_hostile_file_is_refused_and_not_run(tmp_path, name, how):
    marker, path = tmp_path / "ran", tmp_path / "hostile.pth"
    write(path, hostile_values(marker)[name], how)
    for load in (load_file, CheckpointLoader.load_checkpoint):
        with pytest.raises(CheckpointError, match=r"hostile\.pth (is refused|cannot be read)") as refusal:
            load(str(path))
        assert "\n" not in str(refusal.value)
        assert not marker.exists()


@pytest.mark.parametrize("how", ["zip", "legacy", "zip protocol 4"])
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Call(os.system, "true"), "posix.system"),
        (Call(eval, "1"), "eval"),
        (Built(), "Built"),
        (Call(os.getenv, "A"), "getenv"),
    ],
)
def test_refusal_names_the_global(tmp_path, value, named, how):
    write(tmp_path / "hostile.pth", {"model": value}, how)
    with pytest.raises(CheckpointError, match=named):
        load_file(tmp_path / "hostile.pth")


def forged_arrays():
    """Pickles of NumPy values whose bytes would be taken for pointers, or whose layout lies."""
    pointer = struct.pack("<Q", 0x4141414141414141)
    forged_dtype = np.dtype([("a", "f8")])
    return {
        "object from buffer": Call(np.ndarray, (1,), np.dtype("O"), pointer),
        "object by name": Call(np.ndarray, (1,), "O", pointer),
        "records": np.zeros(2, forged_dtype),
        "record scalar": np.zeros(2, forged_dtype)[0],
    }


@pytest.mark.parametrize("name", forged_arrays())
def test_forged_array_is_refused(tmp_path, name):
    torch.save(forged_arrays()[name], tmp_path / "forged.pth")
    with pytest.raises(CheckpointError, match=r"numpy|arguments|cannot be read"):
        load_file(tmp_path / "forged.pth")


@pytest.mark.parametrize("how", ["zip", "legacy"])
def test_data_comes_back_as_it_was(tmp_path, how):
    value = {
        "model": OrderedDict(weight=torch.arange(6.0).reshape(2, 3), half=torch.ones(2, dtype=torch.bfloat16)),
        "args": Namespace(lr=1e-4, dilation=False, betas=(0.9, 0.999), sizes=np.arange(3)),
        "best": np.float64(0.75),
        np.int64(4): "key",
        "rows": [
            ("a.jpg", {"height": 4, "width": 5}, np.array([[1, 2], [3, 4]], np.int32, order="F"), "the red car", None)
        ],
        "names": np.array(["one", "zwölf"]),
        "big": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 4)),
        "flag": np.bool_(True),
    }
    write(tmp_path / "data.pth", value, how)
    loaded = load_file(tmp_path / "data.pth")
    assert torch.equal(loaded["model"]["weight"], value["model"]["weight"])
    assert loaded["model"]["half"].dtype == torch.bfloat16
    assert loaded["best"] == 0.75 and type(loaded["best"]) is np.float64
    assert loaded[4] == "key"
    assert loaded["rows"][0][3:] == value["rows"][0][3:]
    assert loaded["flag"] is np.True_
    for got, wanted in [
        (loaded["rows"][0][2], value["rows"][0][2]),
        (loaded["args"].sizes, value["args"].sizes),
        *((loaded[name], value[name]) for name in ("names", "big", "empty")),
    ]:
        assert type(got) is np.ndarray and got.dtype == wanted.dtype and got.shape == wanted.shape
        np.testing.assert_array_equal(got, wanted)
    assert loaded["args"].betas == (0.9, 0.999)


def test_safetensors(tmp_path):
    save_file({"weight": torch.arange(4.0)}, tmp_path / "model.safetensors")
    assert torch.equal(load_file(tmp_path / "model.safetensors")["weight"], torch.arange(4.0))
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"broken\.safetensors"):
        load_file(tmp_path / "broken.safetensors")


def test_a_torchscript_archive_is_refused_with_the_way_to_convert_it(tmp_path):
    torch.jit.trace(torch.nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "scripted.pt"))
    with pytest.raises(CheckpointError, match=r"TorchScript archive.*torch\.save\(torch\.jit\.load\("):
        load_file(tmp_path / "scripted.pt")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_wrappers_are_removed_by_every_loader(tmp_path, prefix):
    weights = {"stem.weight": torch.ones(2), "module_list.bias": torch.zeros(1)}
    wrapped = {prefix + name: tensor for name, tensor in weights.items()}
    torch.save({"state_dict": wrapped}, tmp_path / "ours.pth")
    torch.save(wrapped, tmp_path / "bare.pth")
    for path in (tmp_path / "ours.pth", tmp_path / "bare.pth"):
        assert tensors_of(load_file(path), path).keys() == weights.keys()
        loaded = CheckpointLoader.load_checkpoint(str(path))
        assert loaded.get("state_dict", loaded).keys() == weights.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"<html>sign in</html>", "cannot be read"),
        (b"version https://git-lfs", "cannot be read"),
    ],
)
def test_other_files_are_one_sentence(tmp_path, content, message):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as refusal:
        load_file(tmp_path / "x.pth")
    assert "\n" not in str(refusal.value)


def test_truncated_file_is_one_sentence(tmp_path):
    for how in ("zip", "legacy"):
        write(tmp_path / "whole.pth", {"weight": torch.zeros(1000)}, how)
        data = (tmp_path / "whole.pth").read_bytes()
        for size in (len(data) // 3, len(data) - 20):
            (tmp_path / "cut.pth").write_bytes(data[:size])
            with pytest.raises(CheckpointError, match=r"cut\.pth cannot be read"):
                load_file(tmp_path / "cut.pth")


def test_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_file(tmp_path / "absent.pth")


def test_mmengine_never_executes_a_config_text(tmp_path):
    marker = tmp_path / "ran"
    code = f"import pathlib; pathlib.Path({str(marker)!r}).touch()"
    torch.save({"meta": {"config": code, "epoch": 1}, "state_dict": {}}, tmp_path / "epoch_1.pth")
    assert "config" not in CheckpointLoader.load_checkpoint(str(tmp_path / "epoch_1.pth"))["meta"]


@pytest.mark.parametrize("name", ["s3://bucket/x.pth", "open-mmlab://x", "pavi://x", "mmcls://x"])
def test_loaders_without_a_safe_way_are_closed(name):
    with pytest.raises(CheckpointError, match="give the file's path"):
        CheckpointLoader.load_checkpoint(name)


def test_no_code_of_the_project_reads_files_in_another_way():
    unsafe = re.compile(
        r"torch\.load\(|torch\.jit\.load\((?!'IN)|pickle\.loads?\(|allow_pickle=True|load_state_dict_from_url"
    )
    root = Path(__file__).parents[2]
    found = [
        f"{file.relative_to(root)}: {line.strip()}"
        for folder in ("rgbtvg", "tools")
        for file in sorted((root / folder).rglob("*.py"))
        for line in file.read_text().splitlines()
        if unsafe.search(line)
    ]
    assert len(found) == 1 and "weights_only=True" in found[0], "\n".join(found)
