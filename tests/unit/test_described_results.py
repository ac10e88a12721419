"""What a run says at its end."""

from pruning_workflow.start import MOST_TOLD, describe_results


def test_files_that_there_are_are_named_and_the_rest_counted(tmp_path):
    files = [tmp_path / f"{i}.parquet" for i in range(MOST_TOLD + 2)]
    paths = [str(path) for path in files]
    assert describe_results("results/x/", paths) == "Done: results/x/"
    files[3].touch()
    assert describe_results("results/x/", paths) == f"Done:\n  {paths[3]}"
    for file in files:
        file.touch()
    lines = describe_results("results/x/", paths).splitlines()
    assert lines == ["Done:", *(f"  {path}" for path in paths[:MOST_TOLD]), "  and 2 more in results/x/"]
