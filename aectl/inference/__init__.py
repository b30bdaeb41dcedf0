"""Uses a trained run: encode, decode, sample, restore, export."""
