"""Models whose codes are matched to a prior as a whole: by a discriminator, or by a distance between samples."""
