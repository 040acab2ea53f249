"""The rules of the repository that a program can check: folders, names, imports, tables, pages."""
