"""Files are whole or absent, and a killed process's remains are cleared away."""

import json
import math
import os

import pytest

from score_extrapolation.io.atomic import read_json, replacing, replacing_folder, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends(tmp_path):
    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
        assert names(tmp_path) == [f"a.txt.{os.getpid()}.partial"]
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_the_folder_is_made(tmp_path):
    with replacing(str(tmp_path / "b" / "c" / "a.txt")) as partial:
        partial.write_text("whole")
    assert (tmp_path / "b" / "c" / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_nothing(kind, tmp_path):
    with pytest.raises(kind), replacing(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise kind
    assert names(tmp_path) == []


def test_an_exception_before_anything_was_written_is_not_hidden(tmp_path):
    with pytest.raises(ValueError), replacing(tmp_path / "a.txt"):
        raise ValueError


def test_an_exception_leaves_the_older_file(tmp_path):
    (tmp_path / "a.txt").write_text("older")
    with pytest.raises(ValueError), replacing(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise ValueError
    assert (tmp_path / "a.txt").read_text() == "older"
    assert names(tmp_path) == ["a.txt"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    others = ["a.txt", "a.txt.partial", "b.txt.77.partial", "xa.txt.77.partial", "a[1].txt.5.partial"]
    for name in [*others, "a.txt.77.partial", "a.txt.78.partial"]:
        (tmp_path / name).write_text("")
    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert names(tmp_path) == sorted(others)


def test_a_name_with_glob_characters_is_taken_literally(tmp_path):
    for name in ("a[1].txt.5.partial", "a1.txt.5.partial"):
        (tmp_path / name).write_text("")
    with replacing(tmp_path / "a[1].txt") as partial:
        partial.write_text("whole")
    assert names(tmp_path) == ["a1.txt.5.partial", "a[1].txt"]


def test_json_comes_back_in_one_order_of_keys(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 0.1, None], "a": {"d": "ä", "c": True}})
    write_json(tmp_path / "b.json", {"a": {"c": True, "d": "ä"}, "b": [1, 0.1, None]})
    assert read_json(tmp_path / "a.json") == {"b": [1, 0.1, None], "a": {"d": "ä", "c": True}}
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.json").read_text().endswith("}\n")


def test_json_refuses_what_json_lacks(tmp_path):
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError):
            write_json(tmp_path / "a.json", {"a": value})
    assert names(tmp_path) == []


def test_json_is_readable_by_others(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}


def test_a_folder_appears_when_the_block_ends_in_the_place_of_the_older(tmp_path):
    for text in ("older", "newer"):
        with replacing_folder(tmp_path / "out" / "a") as partial:
            assert names(partial) == []
            (partial / f"{text}.txt").write_text(text)
            assert f"a.{os.getpid()}.partial" in names(tmp_path / "out")
        assert names(tmp_path / "out") == ["a"]
        assert names(tmp_path / "out" / "a") == [f"{text}.txt"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_older_folder(kind, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "older.txt").write_text("older")
    with pytest.raises(kind), replacing_folder(tmp_path / "a") as partial:
        (partial / "half.txt").write_text("half")
        raise kind
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["older.txt"]


def test_a_folder_that_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    others = ["rate-50.5", "rate-50.5.77.partial", "rate-50.partial", "xrate-50.77.partial"]
    for name in [*others, "rate-50.77.partial"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    with replacing_folder(tmp_path / "rate-50"):
        pass
    assert names(tmp_path) == sorted([*others, "rate-50"])
