"""Draw the stages and the layers of the code into docs/architecture.md, from the rules and the imports as they are.

    python docs/draw_architecture.py

`make architecture` runs it; a test fails where the page is not what it writes.
"""

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from pruning_workflow.rerun import SCRIPTS, imported_files
from pruning_workflow.snakemake_internals import parse_rule_graph
from score_extrapolation.plugins import names_in

ROOT = SCRIPTS.parent
PAGE = ROOT / "docs" / "architecture.md"
LIBRARY, WORKFLOW = "score_extrapolation", "pruning_workflow"
RULES_SHOWN = 9


def rules_of_stages() -> dict[str, dict[str, str]]:
    """Return {stage: {rule: its script}}, in the order of the Snakefile."""
    stages = {}
    for stage in re.findall(r'^include: "rules/(\w+)\.smk"', (ROOT / "Snakefile").read_text(encoding="utf-8"), re.M):
        text = (ROOT / "rules" / f"{stage}.smk").read_text(encoding="utf-8")
        parts = re.split(r"^(?:use )?rule (\w+)(?: as (\w+) with)?:$", text, flags=re.M)[1:]
        rules, scripts = {}, {}
        for name, renamed, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            script = re.search(r'"\.\./workflow_scripts/(\w+\.py)"', body)
            scripts[name] = script.group(1) if script else scripts[name]
            rules[renamed or name] = scripts[name]
        if not rules and (SCRIPTS / WORKFLOW / stage).is_dir():
            # Rules made in a loop, one for each file of the folder of the stage's name, which has its own.
            first = re.search(r'"\.\./workflow_scripts/(\w+\.py)"', text)
            rules = {name: first.group(1) for name in names_in(SCRIPTS / WORKFLOW / stage)} if first else {}
        if rules:
            stages[stage] = rules
    return stages


def arrows_of_rules() -> set[tuple[str, str]]:
    """Return the (rule, rule that reads what it writes) of all that the default experiment can make."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot", "--forceall", "--quiet", "--config"]
    command += ["export={formats: [csv]}", "selection={methods: [auto, top, random]}", "--", "report", "export"]
    dot = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return parse_rule_graph(dot)


def draw_stages() -> list[str]:
    """Return the lines of the drawing: stages with their rules and what these import, and which reads which."""
    stages = rules_of_stages()
    stage_of = {rule: stage for stage, rules in stages.items() for rule in rules}
    reads: dict[str, set[str]] = {stage: set() for stage in stages}
    for rule, reader in arrows_of_rules():
        if rule in stage_of and reader in stage_of and stage_of[rule] != stage_of[reader]:
            reads[stage_of[reader]].add(stage_of[rule])
    lines = ["flowchart TD"]
    for stage, rules in stages.items():
        files = [path for script in rules.values() for path in imported_files(SCRIPTS / script)]
        packages = {room(path, LIBRARY) for path in files} - {None}
        packages -= {"faults", "io"}  # which nearly all import
        uses = f"<br/><i>{', '.join(sorted(packages))}</i>" if packages else ""
        named = "<br/>".join(rules) if len(rules) <= RULES_SHOWN else f"{len(rules)} rules, one for each file"
        lines.append(f'    {stage}["<b>{stage}</b><br/>{named}{uses}"]')
    for stage, needed in reads.items():
        further = {far for near in needed for far in everything_before(near, reads)}
        lines += [f"    {other} --> {stage}" for other in stages if other in needed - further]
    return lines


def everything_before(stage: str, reads: dict[str, set[str]]) -> set[str]:
    """Return all stages that a stage reads, directly or not."""
    return reads[stage] | {far for near in reads[stage] for far in everything_before(near, reads)}


def room(path: Path, package: str) -> str | None:
    """Return the folder or module of a package that a file belongs to; None for its root and for other files."""
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return parts[1] if parts[0] == package and parts[1] != "__init__" else None


def layers(package: str) -> list[str]:
    """Return the rooms of a package, those first that import no other; fails where two import each other."""
    imports: dict[str, set[str]] = {}
    for path in sorted((SCRIPTS / package).rglob("*.py")):
        if own := room(path, package):
            read = {room(other, package) for other in imported_files(path)}
            imports.setdefault(own, set()).update(read - {own, None})
    order, lines = TopologicalSorter(imports), []
    order.prepare()
    while order.is_active():
        ready = sorted(order.get_ready())
        lines.append(f"{len(lines) + 1}. {', '.join(f'`{name}`' for name in ready)}")
        order.done(*ready)
    return lines


def drawn(text: str) -> str:
    """Return the page with its drawn parts as they are now."""
    of_library = ["The library:", "", *layers(LIBRARY)]
    of_workflow = ["The workflow, which imports the library:", "", *layers(WORKFLOW)]
    parts = {"stages": ["```mermaid", *draw_stages(), "```"], "layers": [*of_library, "", *of_workflow]}
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: drawn -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + rest[rest.index(end) :]
    return text


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
