"""The workflow: what knows config.yaml, the paths of results and Snakemake. The library knows nothing of it."""
