"""A trained run at work: encode, decode, sample, restore, export."""
