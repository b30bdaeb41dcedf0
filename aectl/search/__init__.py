"""From one run to many: a sweep is a folder with jobs, and a table compares the runs of any folder."""
