"""The Parquet reader, on small files of exactly its format; and each sentence of a fault."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score_extrapolation.datasets.readers import parquet
from score_extrapolation.faults import InputFault


def read(split, paths, **options):
    return parquet.read_split(split, [str(path) for path in paths], parquet.Options(**options))


def write_parquet(path, images, labels, row_group_size=3, names=None, **more):
    structs = pa.array([{"bytes": b, "path": None} if isinstance(b, bytes) else b for b in images])
    structs = structs.cast(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = pa.table({"img": structs, "label": labels, **more})
    if names:
        features = {"img": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)


def test_reads_files_folders_and_globs_in_order(tmp_path):
    payloads = [bytes([i]) * (i + 1) for i in range(20)]
    write_parquet(tmp_path / "d" / "train-0.parquet", payloads[:8], list(range(8)), names=list("abcdefgh"))
    write_parquet(tmp_path / "d" / "train-1.parquet", payloads[8:], [0] * 12, 5, names=list("abcdefgh"))
    for paths in ([tmp_path / "d"], [tmp_path / "d" / "*.parquet"], sorted((tmp_path / "d").iterdir())):
        split = read("train", paths)
        assert list(split.labels) == [*range(8), *[0] * 12]
        assert split.sources[9] == f"{tmp_path / 'd' / 'train-1.parquet'}#1" and len(set(split.sources)) == 20
        assert split.class_names == list("abcdefgh")
        for start in range(20):
            for stop in range(start, 21):
                assert split.read(start, stop) == payloads[start:stop]


def test_keeps_one_row_group_in_memory_and_reads_each_once_in_order(tmp_path, monkeypatch):
    write_parquet(tmp_path / "x.parquet", [b"x"] * 40, [0, 1] * 20, row_group_size=4)
    opened = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, i, **k: opened.append(i) or original(self, i, **k)
    )
    split = read("train", [tmp_path / "x.parquet"])
    for start in range(0, 40, 3):
        split.read(start, min(start + 3, 40))
    assert opened == list(range(10))
    assert split.read.__self__.blocks.block == 9


def test_takes_plain_binary_strings_paths_and_empty_row_groups(tmp_path):
    table = pa.table({"picture": pa.array([b"a", None, b"c"], pa.large_binary()), "kind": ["dog", "cat", "dog"]})
    with pq.ParquetWriter(tmp_path / "x.parquet", table.schema) as writer:
        writer.write_table(table.slice(0, 1))
        writer.write_table(table.slice(0, 0))
        writer.write_table(table.slice(1))
    split = read("train", [tmp_path / "x.parquet"])
    assert list(split.labels) == ["dog", "cat", "dog"] and split.class_names is None
    assert split.read(0, 3) == [b"a", b"", b"c"]
    rows = [{"bytes": None, "path": "sub/1.png"}, {"bytes": b"b", "path": "2.png"}, {"bytes": None, "path": None}]
    write_parquet(tmp_path / "y.parquet", rows, pa.array(["u", "v", "u"]).dictionary_encode())
    split = read("train", [tmp_path / "y.parquet"])
    assert split.read(0, 3) == [tmp_path / "sub" / "1.png", b"b", b""]
    assert list(split.labels) == ["u", "v", "u"]


def test_chooses_columns_by_name_or_option(tmp_path):
    more = {"fine": [5, 6], "fine_label": [7, 8], "other": pa.array([b"p", b"q"])}
    write_parquet(tmp_path / "x.parquet", [b"a", b"b"], [1, 2], **more)
    split = read("train", [tmp_path / "x.parquet"], image_column="other", label_column="fine")
    assert list(split.labels) == [5, 6] and split.read(0, 2) == [b"p", b"q"]
    kinds = "img (struct<bytes: binary, path: string>), label (int64), fine (int64), fine_label (int64), other (binary)"
    for options, sentence in (
        ({}, "img and other could each be the image column (struct with bytes, or binary)"),
        ({"image_column": "img"}, "label and fine_label could each be the label column (integers or strings)"),
        ({"image_column": "fine"}, "fine is no image column (struct with bytes, or binary)"),
        ({"image_column": "img", "label_column": "img"}, "img is no label column (integers or strings)"),
    ):
        role = "label" if " label column" in sentence else "image"
        with pytest.raises(InputFault) as fault:
            read("train", [tmp_path / "x.parquet"], **options)
        assert str(fault.value) == (
            f"samples.train: {sentence} among the columns {kinds} of {tmp_path / 'x.parquet'}; "
            f"name it in samples.options.{role}_column"
        )


def test_faults(tmp_path):
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputFault, match=r"text\.parquet is not a readable Parquet file \("):
        read("train", [tmp_path / "text.parquet"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFault, match=r"the folder .*empty has no \.parquet file; give one that does, or a glob"):
        read("test", [tmp_path / "empty"])
    write_parquet(tmp_path / "n.parquet", [b"a", b"b"], pa.array([1, None]))
    with pytest.raises(InputFault, match=r"the column label of .*n\.parquet has 1 nulls; give each sample a label"):
        read("train", [tmp_path / "n.parquet"])
    write_parquet(tmp_path / "i.parquet", [b"a"], [1], names=["x", "y"])
    write_parquet(tmp_path / "s.parquet", [b"a"], ["1"])
    with pytest.raises(InputFault, match=r"s\.parquet has no column label of type int64 as .*i\.parquet has; give"):
        read("train", [tmp_path / "i.parquet", tmp_path / "s.parquet"])
    write_parquet(tmp_path / "j.parquet", [b"a"], [1], names=["y", "x"])
    with pytest.raises(InputFault, match=r"j\.parquet names the classes otherwise than .*i\.parquet; give files of"):
        read("train", [tmp_path / "i.parquet", tmp_path / "j.parquet"])
    write_parquet(tmp_path / "hub" / "train-00000-of-00001.parquet", [b"a"], [1])
    write_parquet(tmp_path / "hub" / "test-00000-of-00001.parquet", [b"a"], [1])
    with pytest.raises(InputFault) as fault:
        read("train", [tmp_path / "hub"])
    assert str(fault.value) == (
        f"samples.train: the folder {tmp_path / 'hub'} has files of several splits (test, train); give a glob of one, "
        f"such as {tmp_path / 'hub' / 'train-*.parquet'}"
    )
