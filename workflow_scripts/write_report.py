"""Write the study as one HTML file: Snakemake's own report, made by a second Snakemake in the same folder.

It runs nothing and takes no lock; it reads the records of the jobs that the outer run has just finished.
"""

from pruning_workflow.job import LOGGER, job

with job(snakemake):
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from score_extrapolation.io.atomic import replacing, write_json

    with replacing(snakemake.output[0]) as partial, tempfile.TemporaryDirectory(dir=partial.parent) as folder:
        # The merged config, so that what the command line changed holds in the report too. JSON is YAML.
        config, html = Path(folder, "config.json"), Path(folder, "report.html")
        write_json(config, snakemake.config)
        root = Path(snakemake.scriptdir).parent
        inputs = ["--snakefile", root / "Snakefile", "--configfile", config]
        outputs = ["--report", html, "--report-stylesheet", root / "rules/captions/report.css"]
        command = [sys.executable, "-m", "snakemake", "study", "--nolock", *inputs, *outputs]
        done = subprocess.run(command, capture_output=True, text=True)
        LOGGER.info("snakemake --report:\n%s%s", done.stdout, done.stderr)
        done.check_returncode()
        html.rename(partial)
