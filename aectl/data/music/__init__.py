"""Data sets of music: pieces from MIDI files and from the corpora of music21, cut into windows of some bars."""
