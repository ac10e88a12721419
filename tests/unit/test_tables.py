"""Parquet tables: what goes in comes out, in the order of ids, with its metadata, in the same bytes."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score_extrapolation.io import tables
from score_extrapolation.io.tables import read_metadata, read_table, rows_of, write_blocks, write_table, write_vectors

SCHEMAS = ["SAMPLES", "SUBSET", "SCORES", "EXTRAPOLATED", "KEPT"]
IDS = np.array([3, 7, 8, 1000, 2**40])
COLUMNS = {
    "sample_id": IDS,
    "label": np.array([1, 0, 2, 1, 0]),
    "source": np.array(["a/ä.jpg", "b#1", "", "c", "d"], object),
    "score": np.array([0.5, np.nan, -1.25, 3e30, np.inf], np.float32),
    "computed": np.array([True, False, True, False, False]),
    "spread": np.array([np.nan, 0.1, np.nan, 0.0, 2.0], np.float32),
    "draws": np.arange(5 * tables.DRAWS, dtype=np.float32).reshape(5, tables.DRAWS) / 7,
}


def columns_of(schema):
    return {name: COLUMNS[name] for name in schema.names}


def bytes_of(path):
    return path.read_bytes()


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_comes_back_as_it_was_written(name, tmp_path):
    schema = getattr(tables, name)
    write_table(tmp_path / "t.parquet", schema, {}, **columns_of(schema))
    back = read_table(tmp_path / "t.parquet")
    assert list(back) == schema.names
    for column, values in back.items():
        np.testing.assert_array_equal(values, COLUMNS[column])
        assert values.dtype == COLUMNS[column].dtype
    assert pq.read_schema(tmp_path / "t.parquet").remove_metadata().equals(schema)


def test_every_schema_is_tested_and_begins_with_sample_id():
    schemas = {name: value for name, value in vars(tables).items() if isinstance(value, pa.Schema)}
    assert set(SCHEMAS) == set(schemas)
    assert all(schema.names[0] == "sample_id" for schema in schemas.values())


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("form", ["arrays", "lists", "arrow"])
def test_rows_are_sorted_by_id_whatever_order_and_form_they_come_in(name, form, tmp_path):
    schema, order = getattr(tables, name), [4, 0, 3, 1, 2]
    columns = {column: values[order] for column, values in columns_of(schema).items()}
    if form == "lists":
        columns = {column: values.tolist() for column, values in columns.items()}
    if form == "arrow":
        for column, values in columns.items():
            halves = (pa.array(half.tolist(), schema.field(column).type) for half in (values[:2], values[2:]))
            columns[column] = pa.chunked_array(halves)
    write_table(tmp_path / "mixed.parquet", schema, {}, **columns)
    write_table(tmp_path / "sorted.parquet", schema, {}, **columns_of(schema))
    for column, values in read_table(tmp_path / "mixed.parquet").items():
        np.testing.assert_array_equal(values, COLUMNS[column])
    if form != "arrow":  # there, NaN stays NaN in the file
        assert bytes_of(tmp_path / "mixed.parquet") == bytes_of(tmp_path / "sorted.parquet")


def test_nan_is_null_in_the_file_and_nan_in_memory(tmp_path):
    write_table(tmp_path / "t.parquet", tables.SCORES, {}, sample_id=IDS, score=COLUMNS["score"])
    assert pq.read_table(tmp_path / "t.parquet")["score"].null_count == 1
    assert np.isnan(read_table(tmp_path / "t.parquet")["score"]).tolist() == [False, True, False, False, False]


def test_float64_scores_are_stored_as_float32(tmp_path):
    write_table(tmp_path / "t.parquet", tables.SCORES, {}, sample_id=np.arange(2), score=np.array([0.1, np.nan]))
    score = read_table(tmp_path / "t.parquet")["score"]
    assert score.dtype == np.float32
    assert score[0] == np.float32(0.1)


def test_metadata_comes_back(tmp_path):
    metadata = {"stage": "scores", "seed": "1", "versions": {"numpy": "2.0"}, "list": [1, 0.5, None]}
    write_table(tmp_path / "t.parquet", tables.SCORES, metadata, **columns_of(tables.SCORES))
    assert read_metadata(tmp_path / "t.parquet") == metadata


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_same_table_is_the_same_bytes(name, tmp_path):
    for file, metadata in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        write_table(tmp_path / file, getattr(tables, name), metadata, **columns_of(getattr(tables, name)))
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


@pytest.mark.parametrize("rows_of_group", [1, 2, 5, 2**20])
@pytest.mark.parametrize("ends", [[5], [2, 5], [0, 3, 3, 4, 5], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_table_in_blocks_has_the_bytes_of_the_whole_and_row_groups_of_one_size(
    name, ends, rows_of_group, tmp_path, monkeypatch
):
    monkeypatch.setattr(tables, "ROW_GROUP", rows_of_group)
    schema = getattr(tables, name)
    columns, parts = columns_of(schema), [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
    write_table(tmp_path / "whole", schema, {"a": 1}, **columns)
    blocks = ({column: values[part] for column, values in columns.items()} for part in parts)
    write_blocks(tmp_path / "blocks", schema, {"a": 1}, blocks)
    assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "blocks")
    metadata = pq.read_metadata(tmp_path / "blocks")
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [min(rows_of_group, 5 - start) for start in range(0, 5, rows_of_group)]
    for column, values in read_table(tmp_path / "blocks").items():
        np.testing.assert_array_equal(values, COLUMNS[column])


def test_a_table_of_no_blocks_is_an_empty_one(tmp_path):
    write_blocks(tmp_path / "blocks", tables.SCORES, {}, [])
    write_table(tmp_path / "whole", tables.SCORES, {}, sample_id=IDS[:0], score=COLUMNS["score"][:0])
    assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "blocks")


@pytest.mark.parametrize("parts", [[slice(3, 5), slice(0, 3)], [[0, 2, 1]]])
def test_blocks_out_of_order_are_refused_and_leave_nothing(parts, tmp_path):
    blocks = [{"sample_id": IDS[part], "score": COLUMNS["score"][part]} for part in parts]
    with pytest.raises(ValueError, match="not in order of sample_id"):
        write_blocks(tmp_path / "blocks", tables.SCORES, {}, blocks)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_table_comes_back_empty(name, tmp_path):
    schema = getattr(tables, name)
    empty = {column: values[:0] for column, values in columns_of(schema).items()}
    write_table(tmp_path / "t.parquet", schema, {}, **empty)
    assert {column: len(values) for column, values in read_table(tmp_path / "t.parquet").items()} == dict.fromkeys(
        schema.names, 0
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_vectors_keep_type_and_width_and_follow_their_ids(dtype, n, tmp_path):
    ids, vectors = np.arange(n)[::-1] * 2, np.arange(n * 3).reshape(n, 3).astype(dtype) / dtype(1)
    vectors = vectors.astype(dtype)
    write_vectors(tmp_path / "v.parquet", {"stage": "embeddings"}, sample_id=ids, embedding=vectors)
    back = read_table(tmp_path / "v.parquet")
    np.testing.assert_array_equal(back["sample_id"], ids[::-1])
    np.testing.assert_array_equal(back["embedding"], vectors[::-1])
    assert back["embedding"].dtype == dtype
    assert read_metadata(tmp_path / "v.parquet") == {"stage": "embeddings"}


def test_several_vector_columns_are_kept_apart(tmp_path):
    ids, distances = np.array([[4, 5], [6, 7]]), np.array([[0.5, 1.5], [0.25, 2.5]], np.float32)
    write_vectors(tmp_path / "v.parquet", {}, sample_id=np.arange(2), neighbor_ids=ids, neighbor_distances=distances)
    back = read_table(tmp_path / "v.parquet")
    np.testing.assert_array_equal(back["neighbor_ids"], ids)
    np.testing.assert_array_equal(back["neighbor_distances"], distances)


def test_only_the_columns_asked_for_are_read(tmp_path):
    write_table(tmp_path / "t.parquet", tables.KEPT, {}, **columns_of(tables.KEPT))
    assert list(read_table(tmp_path / "t.parquet", ["sample_id", "label"])) == ["sample_id", "label"]


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        write_table(tmp_path / "t.parquet", tables.SCORES, {}, sample_id=IDS)
    with pytest.raises((pa.ArrowInvalid, ValueError)):
        write_table(tmp_path / "t.parquet", tables.SCORES, {}, sample_id=IDS, score=np.zeros(4))
    assert list(tmp_path.iterdir()) == []


def test_rows_are_found_by_id():
    rows = rows_of(IDS, np.array([1000, 3, 3, 2**40]))
    np.testing.assert_array_equal(rows, [3, 0, 0, 4])
    assert len(rows_of(IDS, np.array([], np.int64))) == 0


@pytest.mark.parametrize("wanted, first, n", [([3, 4], 4, 1), ([0], 0, 1), ([2**41, 8, 9], 2**41, 2)])
def test_an_id_that_is_not_in_the_table_is_an_error(wanted, first, n):
    with pytest.raises(KeyError, match=rf"sample_id {first} is not in the table \({n} ids are missing\)"):
        rows_of(IDS, np.array(wanted))


def test_nothing_is_found_in_an_empty_table():
    with pytest.raises(KeyError, match="sample_id 3"):
        rows_of(np.array([], np.int64), np.array([3]))


@pytest.mark.parametrize("numbers", [1, 6, 7, 1000])
def test_row_groups_of_vectors_are_as_large_as_their_numbers_allow(numbers, tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "NUMBERS", numbers)
    ids, vectors = np.arange(10) * 3, np.arange(30, dtype=np.float16).reshape(10, 3)
    write_vectors(tmp_path / "v.parquet", {}, sample_id=ids[::-1], vector=vectors[::-1])
    back = read_table(tmp_path / "v.parquet")
    np.testing.assert_array_equal(back["sample_id"], ids)
    np.testing.assert_array_equal(back["vector"], vectors)
    metadata = pq.read_metadata(tmp_path / "v.parquet")
    rows_of_group = min(10, max(1, numbers // 3))
    assert metadata.row_group(0).num_rows == rows_of_group
    assert metadata.num_row_groups == -(-10 // rows_of_group)
