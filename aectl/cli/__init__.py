"""The command line: verbs, their help, errors in one line, and the hooks that Hydra calls."""
