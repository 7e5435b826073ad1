"""Plan and pixels to pixels, labels and fields."""
