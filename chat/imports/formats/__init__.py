"""The kinds of exports that can be read: a file each, and the table of all."""
