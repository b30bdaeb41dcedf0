"""A sweep is a folder: its jobs, who works on them, and the search for better ones."""
