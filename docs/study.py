"""Write the tables of finished studies into docs/study.md, as `study/*.csv` of their results has them.

python docs/study.py results/cifar10_study results/cifar10_unsupervised_small results/cifar10_adversarial_small

Each table is of the first of these that has it, and stays as it is where none has.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import pandas as pd

from pruning_workflow.items import load_item
from score_extrapolation.evaluation import read_csv

PAGE = Path(__file__).with_name("study.md")


def in_markdown(table: pd.DataFrame) -> str:
    """Return a table of texts, as `format_table` returns it, in Markdown: each column with one head."""
    heads = [column if isinstance(column, tuple) else (column,) for column in table.columns]
    # What all columns have in common is said by the section.
    common = {level for level in range(len(heads[0])) if len({head[level] for head in heads}) == 1}
    names = [", ".join(part for level, part in enumerate(head) if level not in common) or head[-1] for head in heads]
    rows = [[*table.index.names, *names], ["---"] * (table.index.nlevels + len(names))]
    for label, values in zip(table.index, table.itertuples(index=False, name=None), strict=True):
        rows.append([*(label if isinstance(label, tuple) else (label,)), *values])
    return "\n".join("| " + " | ".join(str(cell).replace("\n", " ") for cell in row) + " |" for row in rows)


def written(text: str, folders: list[Path]) -> str:
    """Return the page with the tables that folders of results have, each between its two marks."""

    def fill(mark: re.Match) -> str:
        name = mark.group(1)
        found = [path for folder in folders if (path := folder / "study" / f"{name}.csv").exists()]
        if not found:
            return mark.group(0)
        table = load_item(name).format_table(read_csv(found[0]))
        return f"<!-- {name} -->\n{in_markdown(table)}\n<!-- end of {name} -->"

    return re.sub(r"<!-- (table_\d+) -->\n.*?<!-- end of \1 -->", fill, text, flags=re.DOTALL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="folders of experiments, such as results/cifar10_study")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), parser.parse_args().results), encoding="utf-8")
