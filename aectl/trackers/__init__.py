"""Services that a training logs curves and pictures to; one file each."""
