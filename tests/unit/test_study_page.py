"""docs/study.md: every table of a study is written between its marks, and nothing else of the page changes."""

import re
import runpy

import pytest

from pruning_workflow.items import item_literal, item_names, load_item
from score_extrapolation.evaluation import write_csv
from study_tables import make_tables
from workflow.conftest import CHECKOUT

PAGE = CHECKOUT / "docs/study.md"
STUDY = runpy.run_path(str(CHECKOUT / "docs/study.py"))
# Of a pool of synthetic images nothing was measured yet.
TABLES = [name for name in item_names() if name.startswith("table") and "pool" not in item_literal(name, "NEEDS")]


@pytest.fixture
def results(tmp_path):
    for name in TABLES:
        write_csv(tmp_path / "study" / f"{name}.csv", load_item(name).tabulate(make_tables()))
    return tmp_path


def outside(page):
    return re.sub(r"(<!-- table_\d+ -->).*?(<!-- end)", r"\1\2", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", item_names())
def test_what_is_read_of_an_item_is_what_its_module_has(name):
    for constant in ("CHAPTER", "TITLE", "NEEDS", "READS", "ALSO_READS", "NOTE", "FORMAT"):
        assert item_literal(name, constant) == getattr(load_item(name), constant, None)


def test_every_table_has_its_place_and_its_numbers(results):
    page = STUDY["written"](PAGE.read_text(), [results])
    assert re.findall(r"<!-- (table_\d+) -->", page) == sorted(TABLES, key=lambda name: int(name.split("_")[1]))
    assert outside(page) == outside(PAGE.read_text())
    table = page.split("<!-- table_12 -->")[1].split("<!-- end")[0].strip().splitlines()
    cells = [line.strip("|").split(" | ") for line in table]
    assert len({len(row) for row in cells}) == 1
    formatted = load_item("table_12").format_table(load_item("table_12").tabulate(make_tables()))
    assert len(table) == 2 + len(formatted)
    assert formatted.iloc[0, 0] in table[2]


def test_writing_twice_is_writing_once(results):
    once = STUDY["written"](PAGE.read_text(), [results])
    assert STUDY["written"](once, [results]) == once


def test_a_table_is_of_the_first_folder_that_has_it_and_stays_where_none_has(results, tmp_path):
    (tmp_path / "more/study").mkdir(parents=True)
    (results / "study/table_3.csv").rename(tmp_path / "more/study/table_3.csv")
    (tmp_path / "more/study/table_2.csv").write_text("not read\n")
    (results / "study/table_12.csv").unlink()
    page, before = STUDY["written"](PAGE.read_text(), [results, tmp_path / "more"]), PAGE.read_text()

    def of(text, name):
        return text.split(f"<!-- {name} -->")[1].split("<!-- end")[0]

    assert of(page, "table_12") == of(before, "table_12")
    assert of(page, "table_2") != of(before, "table_2")
    assert of(page, "table_3") != of(before, "table_3")
