"""Files: atomic writes, locks, archives, arrays, tables, progress bars."""
