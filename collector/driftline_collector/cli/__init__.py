"""The `driftline` command, a file per group. Each command prints JSON with `--json`."""
