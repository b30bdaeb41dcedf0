"""What an example is: how it is checked, scored, shown and stored."""
