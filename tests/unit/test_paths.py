"""What paths of the config mean: braces and globs."""

import pytest
from test_config import changed

import pruning_workflow.start as workflow_config
from pruning_workflow.config import read_config
from score_extrapolation.faults import InputFault
from score_extrapolation.io.paths import expand_braces, match


@pytest.mark.parametrize(
    "path, expected",
    [
        ("train.tar", ["train.tar"]),
        ("a-{08..11}.tar", ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]),
        ("a-{8..11}.tar", ["a-8.tar", "a-9.tar", "a-10.tar", "a-11.tar"]),
        ("{2..0}", ["2", "1", "0"]),
        ("{a,b}/{0..1}.*", ["a/0.*", "a/1.*", "b/0.*", "b/1.*"]),
        ("{x}-{a,}", ["{x}-a", "{x}-"]),
        ("odd}{name", ["odd}{name"]),
    ],
)
def test_braces_are_written_out_as_by_a_shell(path, expected):
    assert expand_braces(path) == expected


def test_what_exists_is_taken_as_it_is_written(tmp_path):
    for name in ("{0..1}.tar", "[1].tar", "2.tar", "10.tar"):
        (tmp_path / name).touch()
    assert expand_braces(f"{tmp_path}/{{0..1}}.tar") == [f"{tmp_path}/{{0..1}}.tar"]
    assert match(f"{tmp_path}/[1].tar") == [f"{tmp_path}/[1].tar"]
    assert match(f"{tmp_path}/[0-9]*.tar") == [f"{tmp_path}/2.tar", f"{tmp_path}/10.tar"]
    assert match(f"{tmp_path}/none*") == []


def test_each_shard_of_braces_is_looked_for_before_anything_runs_and_then_watched(tmp_path):
    shards = ("samples.dataset", "webdataset"), ("samples.train", f"{tmp_path}/{{0..2}}.tar")
    config = read_config(changed(*shards, ("results", str(tmp_path))))
    for name in (0, 1):
        (tmp_path / f"{name}.tar").touch()
    with pytest.raises(InputFault) as fault:
        workflow_config.check_paths(config)
    assert str(fault.value) == (
        f"samples.train: {tmp_path}/2.tar does not exist; give an existing file, folder or glob"
    )
    (tmp_path / "2.tar").touch()
    workflow_config.check_paths(config)
    assert workflow_config.input_paths(config) == [f"{tmp_path}/{name}.tar" for name in range(3)]
