"""The reader of tables of paths: CSV and Parquet, columns, splits; and each sentence of a fault."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from preparing import prepare_samples
from score_extrapolation.datasets.readers import table
from score_extrapolation.faults import InputFault


def read(split, *paths, **options):
    return table.read_split(split, [str(path) for path in paths], table.Options(**options))


def fault_of(split, *paths, **options):
    with pytest.raises(InputFault) as fault:
        read(split, *paths, **options)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_paths_are_those_from_the_table_s_folder_on(tmp_path):
    first = write(tmp_path / "a" / "one.csv", 'label,path,size\ndog,1.png,7\ncat,"sub/odd, \nname.png",8\n')
    second = write(tmp_path / "b.tsv", "\ufeffpath\tlabel\n/else/3.png\tdog\nä b.png\t3\n")
    split = read("train", first, second)
    assert list(split.sources) == [
        f"{tmp_path}/a/1.png",
        f"{tmp_path}/a/sub/odd, \nname.png",
        "/else/3.png",
        f"{tmp_path}/ä b.png",
    ]
    assert list(split.labels) == ["dog", "cat", "dog", "3"]
    assert [str(path) for path in split.read(1, 4)] == split.sources[1:4]
    unlabelled = table.read_unlabelled("train", [str(first)], table.Options(label_column="no_such"))
    assert unlabelled.labels is None
    assert list(unlabelled.sources) == list(split.sources[:2])


@pytest.mark.parametrize(
    "labels, expected",
    [
        (["3", "10", "0"], [3, 10, 0]),
        (["03", "10", "0"], ["03", "10", "0"]),
        (["1.0", "2.0", "1.0"], ["1.0", "2.0", "1.0"]),
        (["true", "false", "NA"], ["true", "false", "NA"]),
    ],
)
def test_labels_are_integers_where_all_are_written_as_such(labels, expected, tmp_path):
    rows = [f"{row}.png,{label}\n" for row, label in enumerate(labels)]
    split = read("train", write(tmp_path / "x.csv", "path,label\n" + "".join(rows)))
    assert split.labels.tolist() == expected
    more = write(tmp_path / "y.csv", "path,label\n9.png,dog\n")
    assert read("train", tmp_path / "x.csv", more).labels.tolist() == [*labels, "dog"]


def test_a_parquet_table_and_other_names(tmp_path):
    columns = {"file": ["1.png", "2.png"], "kind": pa.array(["v", "u"]).dictionary_encode(), "n": [5, -1]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    named = read("train", tmp_path / "x.parquet", path_column="file", label_column="kind")
    assert named.labels.tolist() == ["v", "u"]
    assert list(named.sources) == [f"{tmp_path}/1.png", f"{tmp_path}/2.png"]
    assert read("train", tmp_path / "x.parquet", path_column="file", label_column="n").labels.tolist() == [5, -1]
    semicolons = write(tmp_path / "x.csv", "path;label\n1.png;a\n")
    assert read("train", semicolons, delimiter=";").labels.tolist() == ["a"]


def test_a_column_may_say_the_split(tmp_path):
    rows = "path,label,set\n1.png,a,train\n2.png,b,val\n3.png,a,test\n4.png,b,train\n5.png,b,unused\n"
    path = write(tmp_path / "x.csv", rows)
    found = {split: list(read(split, path, split_column="set").labels) for split in table.SPLITS}
    assert found == {"train": ["a", "b"], "test": ["a"], "validation": ["b"]}
    assert list(read("train", path, split_column="set").sources) == [f"{tmp_path}/1.png", f"{tmp_path}/4.png"]
    assert len(read("test", path).sources) == 5
    no_test = write(tmp_path / "y.csv", "path,label,set\n1.png,a,training\n")
    assert fault_of("test", no_test, split_column="set") == (
        f"samples.test: no row of {no_test} has test in its column set, which has training; write it there, or leave "
        "samples.options.split_column out"
    )


def test_a_given_split_needs_a_column_that_says_it(tmp_path):
    from PIL import Image

    for row in range(4):
        Image.new("RGB", (4, 4), (row, 2 * row, 3 * row)).save(tmp_path / f"{row}.png")
    rows = [f"{row}.png,{row % 2},{'train' if row < 3 else 'test'}\n" for row in range(4)]
    path = str(write(tmp_path / "x.csv", "path,label,set\n" + "".join(rows)))
    options = {"split_column": "set"}
    summary = prepare_samples("table", [path], "given", None, options, tmp_path / "out")
    assert summary["n"] == {"train": 3, "test": 1}
    with pytest.raises(InputFault) as fault:
        prepare_samples("table", [path], "given", None, {}, tmp_path / "out")
    assert str(fault.value) == (
        f"samples.test: given, but {path} has no test set of its own: it begins with {tmp_path}/0.png, which is of "
        "samples.train; give a fraction or paths"
    )


def test_faults(tmp_path):
    headless = write(tmp_path / "headless.csv", "1.png,cat\n2.png,dog\n")
    assert fault_of("train", headless) == (
        f"samples.train: the column path is not among the columns 1.png, cat of {headless}; begin the table with the "
        "columns' names, and name this one in samples.options.path_column"
    )
    twice = write(tmp_path / "twice.csv", "path,label,label\n1.png,cat,dog\n")
    assert fault_of("test", twice).startswith("samples.test: the column label is twice among the columns path, label, ")
    hole = write(tmp_path / "hole.csv", "path,label\n1.png,cat\n2.png,\n")
    assert fault_of("train", hole) == (
        f"samples.train: the column label of {hole} is empty in row 2, counted from the first below the columns' "
        "names; fill it in, or remove the row"
    )
    ragged = write(tmp_path / "ragged.csv", "path,label\n1.png,cat\n2.png\n")
    assert fault_of("train", ragged).startswith(f"samples.train: {ragged} cannot be read as a table (")
    for content in (b"", b"path,label\n\xff\xfe.png,cat\n"):
        broken = write(tmp_path / "broken.csv", content)
        assert fault_of("train", broken).startswith(f"samples.train: {broken} cannot be read as a table (")
    text = write(tmp_path / "text.parquet", "path,label\n")
    assert fault_of("train", text).startswith(f"samples.train: {text} cannot be read as a table (")
    assert fault_of("train", tmp_path) == (
        f"samples.train: {tmp_path} is a folder; give a table, such as images.csv, that names its images"
    )
    pq.write_table(pa.table({"path": ["1.png", None], "label": [0.5, 1.5]}), tmp_path / "x.parquet")
    assert fault_of("train", tmp_path / "x.parquet").startswith(
        f"samples.train: the column path of {tmp_path / 'x.parquet'} is empty in row 2, "
    )
    pq.write_table(pa.table({"path": ["1.png", "2.png"], "label": [0.5, 1.5]}), tmp_path / "x.parquet")
    assert fault_of("train", tmp_path / "x.parquet") == (
        f"samples.train: the column label of {tmp_path / 'x.parquet'} is of double; give integers or strings"
    )
