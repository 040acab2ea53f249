"""Lists of lines that say what is meant: patterns of model ids, networks."""
